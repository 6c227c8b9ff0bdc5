"""What the operator sends and gets: one struct a thing, with times as text, and no secret but in the one answer."""

from typing import Annotated

from msgspec import Meta, Struct

from api.rendering import TimeMs, iso_of_ms, render
from api.webhooks.desk import Made
from api.webhooks.records import Attempt, Delivery, DeliveryState, Endpoint, Finality


class WebhookIn(Struct, frozen=True, forbid_unknown_fields=True):
    """An address, what it wants to hear of, and whether at once (then with retractions) or when it is final."""

    url: Annotated[str, Meta(min_length=1, max_length=2048)]
    topics: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=50)]
    finality: Finality = "finalized"
    description: Annotated[str, Meta(max_length=256)] = ""


class WebhookOut(Struct, frozen=True):
    """`reason` says why it is disabled, `failing_since` since when nothing could be delivered."""

    id: str
    url: str
    topics: list[str]
    finality: Finality
    description: str
    is_enabled: bool
    reason: str | None
    failing_since: TimeMs | None
    created_at: TimeMs


class SecretOut(Struct, frozen=True):
    """The webhook with its secret, which is shown this once."""

    webhook: WebhookOut
    secret: str


class AttemptOut(Struct, frozen=True):
    """One try; `answer` is the beginning of what came back."""

    at: TimeMs
    duration_ms: int
    status: int | None
    answer: str
    error: str


class DeliveryOut(Struct, frozen=True):
    """A message for a webhook; `id` is its `webhook-id`, `body` what is signed and sent."""

    id: str
    type: str
    state: DeliveryState
    created_at: TimeMs
    next_at: TimeMs | None
    attempts: list[AttemptOut]
    body: str


class DeliveriesOut(Struct, frozen=True):
    """Newest first. `next` goes into `before` for those before; null at the end."""

    data: list[DeliveryOut]
    next: int | None


class ResentOut(Struct, frozen=True):
    """How many deliveries wait again."""

    resent: int


def webhook_out(endpoint: Endpoint) -> WebhookOut:
    return render(endpoint, WebhookOut, topics=list(endpoint.topics))


def secret_out(made: Made) -> SecretOut:
    return SecretOut(webhook_out(made.endpoint), made.secret)


def delivery_out(delivery: Delivery) -> DeliveryOut:
    return render(
        delivery,
        DeliveryOut,
        body=delivery.body.decode(),
        attempts=[_attempt_out(each) for each in delivery.attempts],
        next_at=iso_of_ms(delivery.next_at) if delivery.state == "waiting" else None,
    )


def deliveries_out(found: list[Delivery], limit: int) -> DeliveriesOut:
    return DeliveriesOut([delivery_out(each) for each in found], found[-1].number if len(found) == limit else None)


def _attempt_out(attempt: Attempt) -> AttemptOut:
    return render(attempt, AttemptOut)
