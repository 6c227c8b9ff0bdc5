"""What clients send and read at /v1/prompts and /v1/quote."""

from typing import Annotated

from msgspec import Meta, Struct

from api.rendering import Time, TimeMs, Wei, Word
from indexer.explorer.rows import JobState, ReceiptState
from receipts.request import STOPS_MAX, Role

WeiIn = Annotated[str, Meta(pattern="^(0|[1-9][0-9]{0,77})$", description="wei, as decimal text", examples=["640000"])]


WorkerIn = Annotated[
    str,
    Meta(
        pattern="^0x[0-9a-fA-F]{40}$",
        max_length=42,
        description="A node to keep the order for, for a while, at the prices of its own offer",
    ),
]


class MessageIn(Struct, frozen=True, forbid_unknown_fields=True):
    role: Role
    content: str


class PromptIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Either `prompt` or `messages`. Whatever is left out is the model's or this server's default."""

    prompt: Annotated[str, Meta(examples=["Why is the sky blue?"])] | None = None
    messages: Annotated[tuple[MessageIn, ...], Meta(max_length=1024)] | None = None
    model: Annotated[str, Meta(max_length=64)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=2**32 - 1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    stop: Annotated[tuple[str, ...], Meta(max_length=STOPS_MAX)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    value: WeiIn | None = None
    worker: WorkerIn | None = None


class Links(Struct, frozen=True):
    """Where to go on from here."""

    self: str
    events: str
    evidence: str


class OrderOut(Struct, frozen=True):
    """A job as it was ordered: nothing in here changes, so a repeated order is answered with the same bytes."""

    job_id: str
    model: str
    model_cid: str
    prompt_cid: str
    max_tokens: int
    price_prompt_token: Wei
    price_completion_token: Wei
    escrow: Wei
    controller: str
    requested_at: Time
    deadline: Time
    requested_tx: str
    links: Links


class ReceiptOut(Struct, frozen=True):
    """What became of the answer's receipt."""

    state: ReceiptState
    reason: str | None
    amount: Wei | None
    refund: Wei | None
    commitment: Word | None
    tx_hash: str | None
    block_hash: str | None
    block_number: int | None
    gas_used: int | None
    receipt_cid: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    started_at: TimeMs | None
    completed_at: TimeMs | None
    settled_at: Time | None


class PromptOut(OrderOut, frozen=True, kw_only=True):
    """A job as it stands now. `answer` is null until there is one."""

    state: JobState
    worker: str | None
    answer: str | None
    response_cid: str | None
    amount: Wei | None
    refund: Wei | None
    claimed_at: Time | None
    completed_at: Time | None
    closed_at: Time | None
    closed_tx: str | None
    receipt: ReceiptOut | None
    block: int
    is_final: bool


class GasOut(Struct, frozen=True):
    """What an order must be able to pay for a worker to take it: `floor` is `used` x `price` x `cover_percent` / 100.

    `used` is what claiming and settling a job alone use, as measured; `price` is the chain's, in wei, of now.
    """

    used: int
    price: Wei
    cover_percent: int
    floor: Wei


class QuoteOut(Struct, frozen=True):
    """The most such an order may cost: what is not used comes back.

    Where `amount` is below the floor of `gas`, an order is declined; `advice` then says what would be taken.
    """

    model: str
    prompt_tokens: int
    max_tokens: int
    price_prompt_token: Wei
    price_completion_token: Wei
    amount: Wei
    gas: GasOut
    pays_for_gas: bool
    advice: str
