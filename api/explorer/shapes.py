"""What readers of the explorer get: one struct a table, and the envelope around every answer."""

from typing import Any, Generic, TypeVar

from msgspec import Struct

from api.rendering import Time, TimeMs, Wei, Word
from indexer.explorer.rows import JobState, NodeState, ReceiptState

Item = TypeVar("Item")


class HeadOut(Struct, frozen=True):
    """What the answer knows: the newest block shown, its time, and the newest that cannot change any more.

    With `as_of`, the first three are those of the block asked for: hash and time are null if it is final and had
    nothing of ours, as such blocks are not kept.
    """

    number: int
    hash: str | None
    at: Time | None
    final: int
    final_hash: str


class OneOut(Struct, Generic[Item], frozen=True):
    """One thing, and the head it was read at."""

    data: Item
    head: HeadOut


class PageOut(Struct, Generic[Item], frozen=True):
    """A page of a list. `next` goes into `cursor` for the page after this; null at the end."""

    data: list[Item]
    next: str | None
    head: HeadOut


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
