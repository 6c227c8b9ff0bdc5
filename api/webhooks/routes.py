"""/explorer/v1/webhooks, for the operator alone: parse, ask the desk, show its answer."""

from typing import Annotated, Any

from litestar import Router, delete, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from api.given import Given
from api.operator import only_operator
from api.problems import documented
from api.webhooks.desk import WebhookDesk
from api.webhooks.records import DeliveryState
from api.webhooks.shapes import (
    DeliveriesOut,
    DeliveryOut,
    ResentOut,
    SecretOut,
    WebhookIn,
    WebhookOut,
    deliveries_out,
    delivery_out,
    secret_out,
    webhook_out,
)

EndpointId = Annotated[str, PathParameter(pattern="^ep_[0-9a-f]{16}$")]
DeliveryId = Annotated[str, PathParameter(pattern="^msg_[0-9a-f]{24}$")]
State = Annotated[DeliveryState | None, QueryParameter(name="state")]
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
Before = Annotated[int | None, QueryParameter(ge=0, le=2**53 - 1, description="`next` of the page before")]

_CLOSED = {"s401": "The operator's token is missing or another", "s403": "This server knows no operator"}
_ANY = documented(s400="The id is malformed", s404="There is no such webhook", **_CLOSED)
_OPEN = documented(
    s400="The id is malformed", s404="There is no such webhook or delivery", s409="The webhook is disabled", **_CLOSED
)
_UNREADY = "The key that encrypts secrets cannot be used, or the ledger takes nothing now"


@post(
    "/",
    operation_id="createWebhook",
    summary="Deliver changes to an address",
    description="The answer shows the secret this once. Deliveries are POST requests signed as standardwebhooks.com "
    "has it. An `instant` webhook hears of what a reorganisation takes back, a `finalized` one of final rows only.",
    responses=documented(
        s400="The URL, its host's address or a topic cannot be right", s429="There are too many webhooks",
        s503=_UNREADY, **_CLOSED,
    ),
)  # fmt: skip
async def create(data: JSONBody[WebhookIn], webhooks: Given[WebhookDesk]) -> SecretOut:
    return secret_out(await webhooks.add(data.url, data.topics, data.finality, data.description))


@get(
    "/",
    operation_id="listWebhooks",
    summary="All webhooks, oldest first",
    responses=documented(s400="A parameter is named: it takes none", **_CLOSED),
)
async def show_all(webhooks: Given[WebhookDesk]) -> list[WebhookOut]:
    return [webhook_out(endpoint) for endpoint in await webhooks.all()]


@get("/{endpoint:str}", operation_id="getWebhook", summary="A webhook", responses=_ANY)
async def show(endpoint: EndpointId, webhooks: Given[WebhookDesk]) -> WebhookOut:
    return webhook_out(await webhooks.one(endpoint))


@delete("/{endpoint:str}", operation_id="deleteWebhook", summary="Deliver nothing more to it", responses=_ANY)
async def remove(endpoint: EndpointId, webhooks: Given[WebhookDesk]) -> None:
    await webhooks.remove(endpoint)


@post("/{endpoint:str}/enable", operation_id="enableWebhook", summary="Deliver again", responses=_ANY, status_code=200)
async def enable(endpoint: EndpointId, webhooks: Given[WebhookDesk]) -> WebhookOut:
    return webhook_out(await webhooks.enable(endpoint))


@post("/{endpoint:str}/disable", operation_id="disableWebhook", summary="Hold it", responses=_ANY, status_code=200)
async def disable(endpoint: EndpointId, webhooks: Given[WebhookDesk]) -> WebhookOut:
    return webhook_out(await webhooks.disable(endpoint))


@post(
    "/{endpoint:str}/secret",
    operation_id="rotateWebhookSecret",
    summary="A new secret",
    description="For a day deliveries are signed with the one before too.",
    responses=_ANY | documented(s503=_UNREADY),
    status_code=200,
)
async def rotate(endpoint: EndpointId, webhooks: Given[WebhookDesk]) -> SecretOut:
    return secret_out(await webhooks.rotate(endpoint))


@post("/{endpoint:str}/test", operation_id="testWebhook", summary="Try it", responses=_OPEN, status_code=202)
async def test(endpoint: EndpointId, webhooks: Given[WebhookDesk]) -> DeliveryOut:
    return delivery_out(await webhooks.test(endpoint))


@get("/{endpoint:str}/deliveries", operation_id="listDeliveries", summary="What was and is to be sent", responses=_ANY)
async def deliveries(
    endpoint: EndpointId, webhooks: Given[WebhookDesk], in_state: State = None, limit: Limit = 20, before: Before = None
) -> DeliveriesOut:
    return deliveries_out(await webhooks.deliveries(endpoint, in_state, limit, before), limit)


@get(
    "/{endpoint:str}/deliveries/{delivery:str}",
    operation_id="getDelivery",
    summary="A delivery with its attempts",
    responses=_ANY,
)
async def delivery(endpoint: EndpointId, delivery: DeliveryId, webhooks: Given[WebhookDesk]) -> DeliveryOut:
    return delivery_out(await webhooks.delivery(endpoint, delivery))


@post(
    "/{endpoint:str}/deliveries/{delivery:str}/resend",
    operation_id="resendDelivery",
    summary="Send it again, under the same id",
    responses=_OPEN,
    status_code=202,
)
async def resend(endpoint: EndpointId, delivery: DeliveryId, webhooks: Given[WebhookDesk]) -> ResentOut:
    return ResentOut(await webhooks.resend(endpoint, delivery))


@post(
    "/{endpoint:str}/resend",
    operation_id="resendDeadDeliveries",
    summary="Send again all that was given up",
    responses=_OPEN,
    status_code=202,
)
async def resend_dead(endpoint: EndpointId, webhooks: Given[WebhookDesk]) -> ResentOut:
    return ResentOut(await webhooks.resend(endpoint))


HANDLERS: list[Any] = [
    create, show_all, show, remove, enable, disable, rotate, test, deliveries, delivery, resend, resend_dead,
]  # fmt: skip

router = Router("/explorer/v1/webhooks", route_handlers=HANDLERS, tags=["webhooks"], guards=[only_operator])
