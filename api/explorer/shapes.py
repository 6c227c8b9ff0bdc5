"""What readers of the explorer get: one struct a table, and the envelope around every answer."""

from typing import Any, Generic, Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType

from api.rendering import Time, TimeMs, Wei, Word
from indexer.explorer.rows import JobState, NodeState, ReceiptState

Item = TypeVar("Item")


Finality = Literal["final", "mixed", "unfinal"]


class HeadOut(Struct, frozen=True):
    """What the answer knows: the newest block shown, its time, and the newest that cannot change any more.

    With `as_of`, the first three are those of the block asked for: hash and time are null if it is final and had
    nothing of ours, as such blocks are not kept. `age_s` is how many seconds old that block was when this was answered.
    `finality` is that of what the answer holds.
    """

    number: int
    hash: str | None
    at: Time | None
    age_s: int | None
    final: int
    final_hash: str
    finality: Finality


class BlockOut(Struct, frozen=True):
    number: int
    hash: str
    parent: str
    timestamp: Time
    transactions: int
    events: int
    is_final: bool


class TransactionOut(Struct, frozen=True):
    """A transaction that touched us. Its value is null where the blocks are checked by their bloom filter only."""

    hash: str
    block: int
    index: int
    timestamp: Time
    sender: str
    recipient: str | None
    value: Wei | None
    gas_used: int
    fee: Wei
    succeeded: bool
    is_final: bool


class EventOut(Struct, frozen=True):
    """A decoded log. Among its arguments, amounts are decimal text and bytes are `0x` text.

    `address` is whose doing or fate it tells: who ordered, worked, withdrew or staked.
    """

    block: int
    log_index: int
    tx_hash: str
    contract: str
    name: str
    args: dict[str, Any]
    job_id: str | None
    address: str | None
    is_final: bool


class AccountOut(Struct, frozen=True):
    """An address's books: what it ordered is in escrow, spent or refunded; what it earned is credit or withdrawn."""

    address: str
    ordered: Wei
    open_escrow: Wei
    credit: Wei
    spent: Wei
    refunded: Wei
    earned: Wei
    withdrawn: Wei
    block: int
    is_final: bool


class JobOut(Struct, frozen=True):
    job_id: str
    state: JobState
    controller: str
    refund_to: str
    model_id: str
    model_cid: str
    prompt_cid: str
    response_cid: str | None
    worker: str | None
    reserved_for: str | None
    reserved_until: Time | None
    escrow: Wei
    max_tokens: int
    price_prompt_token: Wei
    price_completion_token: Wei
    amount: Wei | None
    refund: Wei | None
    claims: int
    verifier_version: int
    deadline: Time
    lease_until: Time | None
    receipt_deadline: Time | None
    requested_at: Time
    claimed_at: Time | None
    completed_at: Time | None
    closed_at: Time | None
    requested_tx: str
    claimed_tx: str | None
    completed_tx: str | None
    closed_tx: str | None
    block: int
    is_final: bool


class ReceiptOut(Struct, frozen=True):
    """A receipt. Counts and times are the worker's own word; amount and commitment were proved to the contract."""

    job_id: str
    state: ReceiptState
    reason: str | None
    worker: str
    controller: str
    model_id: str
    model_cid: str
    prompt_cid: str
    response_cid: str
    verifier_version: int
    job_key: Word | None
    terms: Word | None
    commitment: Word | None
    amount: Wei | None
    refund: Wei | None
    tx_hash: str | None
    block_hash: str | None
    block_number: int | None
    log_index: int | None
    gas_used: int | None
    receipt_cid: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    started_at: TimeMs | None
    completed_at: TimeMs | None
    answered_at: Time
    settled_at: Time | None
    block: int
    is_final: bool


class OfferOut(Struct, frozen=True):
    model_id: str
    price_prompt_token: Wei
    price_completion_token: Wei


class NodeOut(Struct, frozen=True):
    """A worker. Memory is in MiB."""

    address: str
    state: NodeState
    max_ram: int
    max_vram: int
    max_cpu_percent: int
    stake: Wei
    slashed: Wei
    earned: Wei
    claims: int
    completed: int
    settled: int
    leases_lost: int
    unproven: int
    offers: list[OfferOut]
    withdrawable_at: Time | None
    registered_at: Time
    block: int
    is_final: bool


class ModelOut(Struct, frozen=True):
    model_id: str
    model_cid: str
    version: int
    name: str
    description: str
    is_active: bool
    price_prompt_token: Wei
    price_completion_token: Wei
    max_tokens: int
    jobs: int
    settled: int
    registered_at: Time
    block: int
    is_final: bool


class StatsOut(Struct, frozen=True):
    """The network in figures. Tokens are those of published receipts."""

    jobs: int
    open: int
    claimed: int
    answered: int
    settled: int
    cancelled: int
    expired: int
    receipts: int
    nodes: int
    models: int
    tokens_prompt: int
    tokens_completion: int
    open_escrow: Wei
    credit: Wei
    stakes: Wei
    earned: Wei


class SampleGpuOut(Struct, frozen=True):
    """A GPU at one time: memory in bytes. What was not measured is null."""

    name: str
    uuid: str
    utilisation_percent: float
    memory_used: int
    memory_total: int
    temperature_c: float | None
    power_w: float | None


class SampleOut(Struct, frozen=True):
    """What a node told of its machine, by its own clock; memory in bytes."""

    node: str
    sampled_at: TimeMs
    cpu_percent: float
    memory_used: int
    memory_total: int
    gpus: list[SampleGpuOut]


class IncludedOut(Struct, frozen=True):
    """What belongs to the answer's rows, as far as `include` asked for it.

    Beside one thing, a single one (`receipt`) is null where there is none, and several (`events`) are the newest 20.
    Beside a list all are several: each belongs to at least one of its rows.
    """

    account: AccountOut | UnsetType | None = UNSET
    accounts: list[AccountOut] | UnsetType = UNSET
    block: BlockOut | UnsetType | None = UNSET
    blocks: list[BlockOut] | UnsetType = UNSET
    events: list[EventOut] | UnsetType = UNSET
    job: JobOut | UnsetType | None = UNSET
    jobs: list[JobOut] | UnsetType = UNSET
    model: ModelOut | UnsetType | None = UNSET
    models: list[ModelOut] | UnsetType = UNSET
    node: NodeOut | UnsetType | None = UNSET
    nodes: list[NodeOut] | UnsetType = UNSET
    receipt: ReceiptOut | UnsetType | None = UNSET
    receipts: list[ReceiptOut] | UnsetType = UNSET
    samples: list[SampleOut] | UnsetType = UNSET
    transaction: TransactionOut | UnsetType | None = UNSET
    transactions: list[TransactionOut] | UnsetType = UNSET


class OneOut(Struct, Generic[Item], frozen=True, kw_only=True):
    """One thing, and the head it was read at, always the last. `included` holds what `include` asked for."""

    data: Item
    included: IncludedOut | UnsetType = UNSET
    head: HeadOut


class CountOut(Struct, frozen=True):
    """How many rows a list has, with its filter: above a limit, estimated from a sample."""

    rows: int
    is_exact: bool


class PageOut(Struct, Generic[Item], frozen=True, kw_only=True):
    """A page of a list. `next` goes into `cursor` for the page after this; null at the end.

    `count` and `included` hold what `count` and `include` asked for. The head is always the last.
    """

    data: list[Item]
    next: str | None
    count: CountOut | UnsetType = UNSET
    included: IncludedOut | UnsetType = UNSET
    head: HeadOut
