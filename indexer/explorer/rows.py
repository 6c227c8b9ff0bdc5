"""What the explorer tells about the chain: one frozen struct per table, fields in the order of the table's columns.

Hashes, addresses and other byte strings are lower-case `0x` text, amounts are wei, and `block` is the block that last
changed the row. Times of the chain are Unix seconds; times that a machine measured (`ReceiptRow.started_at` and
`completed_at`, `SampleRow.sampled_at`, `ReorgRow.seen_at`, `IntegrityRow.checked_at`, `DroppedRow.dropped_at`) are Unix
milliseconds.
"""

from typing import Literal

from msgspec import Struct

from domain.jobs import State

JobState = State
ReceiptState = Literal["pending", "verified", "failed", "unproven"]
NodeState = Literal["active", "unbonding", "withdrawn"]


class Row(Struct, gc=False):
    """Root of all rows. None is changed once it was handed out; the fold alone changes copies of its own."""


class JobRow(Row):
    """An order: who asked what, at which terms, and how far it came. `worker` is who holds it or answered it."""

    job_id: int
    state: JobState
    controller: str
    refund_to: str
    model_id: str
    model_cid: str
    prompt_cid: str
    escrow: int
    max_tokens: int
    price_prompt_token: int
    price_completion_token: int
    deadline: int
    verifier_version: int
    claims: int
    requested_at: int
    requested_tx: str
    block: int
    reserved_for: str | None = None
    reserved_until: int | None = None
    worker: str | None = None
    response_cid: str | None = None
    amount: int | None = None
    refund: int | None = None
    lease_until: int | None = None
    receipt_deadline: int | None = None
    claimed_at: int | None = None
    completed_at: int | None = None
    closed_at: int | None = None
    claimed_tx: str | None = None
    completed_tx: str | None = None
    closed_tx: str | None = None
    is_final: bool = True


class ReceiptRow(Row):
    """What became of an answer. The last six columns come from the worker's own document, once it was published."""

    job_id: int
    state: ReceiptState
    worker: str
    controller: str
    model_id: str
    model_cid: str
    prompt_cid: str
    response_cid: str
    verifier_version: int
    answered_at: int
    block: int
    reason: str | None = None
    job_key: str | None = None
    terms: str | None = None
    amount: int | None = None
    refund: int | None = None
    commitment: str | None = None
    tx_hash: str | None = None
    block_hash: str | None = None
    block_number: int | None = None
    log_index: int | None = None
    gas_used: int | None = None
    settled_at: int | None = None
    is_final: bool = True
    receipt_cid: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    started_at: int | None = None
    completed_at: int | None = None


class OfferRow(Row):
    """The prices at which a node takes jobs reserved for it."""

    model_id: str
    price_prompt_token: int
    price_completion_token: int


class NodeRow(Row):
    """A worker's registration, stake, and what its jobs came to."""

    address: str
    state: NodeState
    max_ram: int
    max_vram: int
    max_cpu_percent: int
    stake: int
    slashed: int
    claims: int
    completed: int
    settled: int
    leases_lost: int
    unproven: int
    earned: int
    offers: tuple[OfferRow, ...]
    registered_at: int
    block: int
    withdrawable_at: int | None = None
    is_final: bool = True


class ModelRow(Row):
    model_id: str
    model_cid: str
    version: int
    name: str
    description: str
    is_active: bool
    price_prompt_token: int
    price_completion_token: int
    max_tokens: int
    jobs: int
    settled: int
    registered_at: int
    block: int
    is_final: bool = True


class AccountRow(Row):
    """An address's books. What it `ordered` is in escrow, spent, or went back to the refund addresses it named; what it
    `earned` or was `refunded` is credit or withdrawn."""

    address: str
    ordered: int
    open_escrow: int
    credit: int
    spent: int
    refunded: int
    earned: int
    withdrawn: int
    block: int
    is_final: bool = True


Changing = JobRow | ReceiptRow | NodeRow | ModelRow | AccountRow
"""Rows that facts of the chain change; `block` is the block that did so last."""


class BlockRow(Row):
    """A block that touched us, or that is not final yet, with our books as they stood after it."""

    number: int
    hash: str
    parent: str
    timestamp: int
    transactions: int
    events: int
    open_escrow: int
    credit: int
    stakes: int
    is_final: bool = True


class TransactionRow(Row):
    hash: str
    block: int
    index: int
    timestamp: int
    sender: str
    recipient: str | None
    value: int | None
    gas_used: int
    fee: int
    succeeded: bool
    is_final: bool = True


class EventRow(Row):
    """A decoded log. `args` is a JSON object in which amounts are decimal text and bytes are `0x` text.

    `address` is whose doing or fate it tells: who ordered, worked, withdrew or staked.
    """

    block: int
    log_index: int
    tx_hash: str
    contract: str
    name: str
    args: str
    job_id: int | None = None
    address: str | None = None
    is_final: bool = True


class DocumentRow(Row):
    """What a worker published about an answer of its own. It becomes part of a receipt only where both agree."""

    job_id: int
    worker: str
    response_cid: str
    receipt_cid: str
    commitment: str
    prompt_tokens: int
    completion_tokens: int
    started_at: int
    completed_at: int


class ParkedRow(Row):
    """A fact that contradicts what came before it: its event is kept, its consequences are not drawn."""

    block: int
    log_index: int
    name: str
    reason: str
    is_final: bool = True


class DroppedRow(Row):
    """A parked fact of which an operator decided that it has no consequences, for good."""

    block: int
    log_index: int
    reason: str
    dropped_at: int


class SampleRow(Row):
    """What a worker's machine reported. Absent means not measured."""

    node: str
    sampled_at: int
    cpu_percent: float
    memory_used: int
    memory_total: int
    gpus: tuple["GpuRow", ...] = ()


class GpuRow(Row):
    name: str
    uuid: str
    utilisation_percent: float
    memory_used: int
    memory_total: int
    temperature_c: float | None = None
    power_w: float | None = None


class ReorgRow(Row):
    """Blocks that were seen, shown as not final, and dropped by the chain."""

    reorg: int
    seen_at: int
    from_number: int
    depth: int
    dropped: tuple[str, ...]
    rows: int


class IntegrityRow(Row):
    """A range of final blocks, and what was checked about each before it was believed."""

    first: int
    last: int
    parent_hash: str
    last_hash: str
    level: str
    checks: tuple[str, ...]
    provider: str
    checked_at: int
    doubts: tuple[str, ...] = ()


class Head(Row):
    """How far the explorer can see: its newest block, the time of that (0 before any), and its newest final block."""

    number: int
    hash: str
    at: int
    final: int
    final_hash: str


class StatsRow(Row):
    head: int
    final: int
    head_hash: str
    head_at: int
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
    open_escrow: int
    credit: int
    stakes: int
    earned: int


class ReconciliationRow(Row):
    """The contracts' books after a block, as indexed: what their balances must cover."""

    block: int
    hash: str
    open_escrow: int
    credit: int
    stakes: int
    is_final: bool
