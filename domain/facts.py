"""What can have happened: one frozen struct per fact, one tagged union over all of them.

A fact of the chain bears the fields of its contract event, by name: `promptCID` in the ABI is `prompt_cid` here.
Addresses and hashes are raw bytes, amounts are wei, chain times are Unix seconds.
"""

from msgspec import Struct


class Wei(int):
    """An amount of wei, or any other unsigned chain integer that may pass 64 bits."""

    __slots__ = ()  # without a dictionary there is nothing for the collector to look at, in millions of them


class Fact(Struct, frozen=True, gc=False, tag_field="fact"):
    """Root of all facts. The tag, not the class name, is what the ledger remembers. What is frozen makes no cycles."""


class ModelRegistered(Fact, frozen=True, tag="model.registered"):
    model_id: str
    model_cid: str
    name: str
    description: str


class ModelUpdated(Fact, frozen=True, tag="model.updated"):
    model_id: str
    model_cid: str
    version: int


class ModelActivated(Fact, frozen=True, tag="model.activated"):
    model_id: str
    is_active: bool


class ModelPriced(Fact, frozen=True, tag="model.priced"):
    """Prices are wei per token; `max_tokens` is the most completion tokens one job may ask for."""

    model_id: str
    price_prompt_token: Wei
    price_completion_token: Wei
    max_tokens: int


class NodeRegistered(Fact, frozen=True, tag="node.registered"):
    """`max_ram` and `max_vram` are MiB, `max_cpu_percent` is 1 to 100."""

    node: bytes
    max_ram: int
    max_vram: int
    max_cpu_percent: int
    stake: Wei


class NodeUpdated(Fact, frozen=True, tag="node.updated"):
    node: bytes
    max_ram: int
    max_vram: int
    max_cpu_percent: int


class StakeAdded(Fact, frozen=True, tag="node.stake_added"):
    node: bytes
    amount: Wei
    stake: Wei


class OfferPosted(Fact, frozen=True, tag="node.offer_posted"):
    node: bytes
    model_id: str
    price_prompt_token: Wei
    price_completion_token: Wei


class OfferWithdrawn(Fact, frozen=True, tag="node.offer_withdrawn"):
    node: bytes
    model_id: str


class NodeDeregistered(Fact, frozen=True, tag="node.deregistered"):
    node: bytes
    withdrawable_at: int


class StakeWithdrawn(Fact, frozen=True, tag="node.stake_withdrawn"):
    node: bytes
    amount: Wei


class NodeSlashed(Fact, frozen=True, tag="node.slashed"):
    node: bytes
    amount: Wei
    reason: str


class JobRequested(Fact, frozen=True, tag="job.requested"):
    job_id: int
    controller: bytes
    prompt_cid: str
    model_id: str
    model_cid: str


class JobTermsFixed(Fact, frozen=True, tag="job.terms_fixed"):
    """The snapshot a job is bound to. `reserved_for` is the zero address when anyone may claim."""

    job_id: int
    refund_to: bytes
    reserved_for: bytes
    reserved_until: int
    escrow: Wei
    max_tokens: int
    price_prompt_token: Wei
    price_completion_token: Wei
    deadline: int
    verifier_version: int


class JobClaimed(Fact, frozen=True, tag="job.claimed"):
    job_id: int
    worker: bytes
    lease_until: int


class LeaseExpired(Fact, frozen=True, tag="job.lease_expired"):
    """The worker named lost its lease, because another claimed the job or the job expired."""

    job_id: int
    worker: bytes


class JobCompleted(Fact, frozen=True, tag="job.completed"):
    job_id: int
    worker: bytes
    response_cid: str


class ReceiptDue(Fact, frozen=True, tag="job.receipt_due"):
    """An answer came without its proof: who gave it has until `receipt_deadline` to prove it."""

    job_id: int
    worker: bytes
    receipt_deadline: int


class JobCancelled(Fact, frozen=True, tag="job.cancelled"):
    job_id: int
    controller: bytes
    refund: Wei


class JobExpired(Fact, frozen=True, tag="job.expired"):
    """`worker` is the zero address when nobody held the job."""

    job_id: int
    worker: bytes
    refund: Wei


class ReceiptAccepted(Fact, frozen=True, tag="receipt.accepted"):
    """The contract verified the proof and credited `amount` to the worker, `refund` to the job's refund address."""

    job_id: int
    worker: bytes
    job_key: Wei
    prompt_cid: str
    response_cid: str
    model_id: str
    model_cid: str
    terms: Wei
    amount: Wei
    refund: Wei
    commitment: Wei
    verifier_version: int


class ReceiptSkipped(Fact, frozen=True, tag="receipt.skipped"):
    """An entry of a batch whose job was no longer open to this worker; `status` is the job's status number."""

    job_id: int
    worker: bytes
    status: int


class Withdrawn(Fact, frozen=True, tag="account.withdrawn"):
    account: bytes
    recipient: bytes
    amount: Wei


class VerifierAdded(Fact, frozen=True, tag="verifier.added"):
    version: int
    verifier: bytes
    circuit_digest: bytes


class LogUnreadable(Fact, frozen=True, tag="log.unreadable"):
    """A log kept as it came: one of ours that does not fit its ABI, for `reason`, or any of a foreign contract."""

    event: str
    topics: tuple[bytes, ...]
    data: bytes
    reason: str


ChainFact = (
    ModelRegistered | ModelUpdated | ModelActivated | ModelPriced
    | NodeRegistered | NodeUpdated | StakeAdded | OfferPosted | OfferWithdrawn
    | NodeDeregistered | StakeWithdrawn | NodeSlashed
    | JobRequested | JobTermsFixed | JobClaimed | LeaseExpired | JobCompleted | ReceiptDue
    | JobCancelled | JobExpired | ReceiptAccepted | ReceiptSkipped | Withdrawn | VerifierAdded | LogUnreadable
)  # fmt: skip


class Occurrence(Struct, frozen=True, gc=False, array_like=True):
    """A fact at its place on the chain: the `log_index`-th log of its block, within transaction `tx_index`."""

    fact: ChainFact
    contract: bytes
    tx_index: int
    log_index: int


class Transaction(Struct, frozen=True, gc=False, array_like=True):
    """A transaction that touched us. `fee` is gas used times effective gas price, in wei.

    `value` is None where the level at which the chain was read does not tell it.
    """

    hash: bytes
    index: int
    sender: bytes
    recipient: bytes | None
    value: Wei | None
    gas_used: int
    fee: Wei
    succeeded: bool


class BlockFinalised(Fact, frozen=True, tag="block.finalised"):
    """One final block that touched us, with everything in it that did. `timestamp` is Unix seconds."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int
    transactions: tuple[Transaction, ...] = ()
    occurrences: tuple[Occurrence, ...] = ()


class ReceiptPublished(Fact, frozen=True, tag="receipt.published"):
    """A worker's signed receipt document, checked and stored under `receipt_cid`. Times are Unix ms."""

    job_id: int
    worker: bytes
    receipt_cid: str
    response_cid: str
    commitment: Wei
    prompt_tokens: int
    completion_tokens: int
    started_at: int
    completed_at: int


class JobOrdered(Fact, frozen=True, tag="order.placed"):
    """An order accepted by the API, under its idempotency key. `body_digest` is SHA-256 of the request's body.

    `worker` is the node it is to be reserved for, empty when anyone may claim.
    """

    body_digest: bytes
    prompt_cid: str
    model_id: str
    max_tokens: int
    value: Wei
    transaction_key: str
    worker: bytes = b""


class TransactionSigned(Fact, frozen=True, tag="transaction.signed"):
    """A transaction of ours, recorded before it was sent. `key` names its purpose and is used once per signer."""

    key: str
    nonce: int
    to: bytes
    value: Wei
    data: bytes
    gas: int
    max_fee: int
    priority_fee: int
    raw: bytes
    hash: bytes


class TransactionNumbered(Fact, frozen=True, tag="transaction.numbered"):
    """The transaction of one key took this nonce; recorded together with its first `TransactionSigned`."""

    nonce: int


class TelemetrySampled(Fact, frozen=True, tag="node.sampled"):
    """What a worker's machine reported at `at` (Unix ms). Absent means not measured: no figure is invented."""

    node: bytes
    at: int
    cpu_percent: float
    memory_used: int
    memory_total: int
    gpus: tuple["GpuSample", ...] = ()


class GpuSample(Struct, frozen=True, array_like=True):
    """One GPU's readings: bytes, percent, degrees Celsius, watts."""

    name: str
    uuid: str
    utilisation_percent: float
    memory_used: int
    memory_total: int
    temperature_c: float | None
    power_w: float | None


class ChainReorganised(Fact, frozen=True, tag="chain.reorganised"):
    """Unfinal blocks that were shown and then dropped, oldest first. `rows` counts the rows that readers lost by it.

    `seen_at` is Unix ms.
    """

    seen_at: int
    from_number: int
    dropped: tuple[bytes, ...]
    rows: int


class BlocksChecked(Fact, frozen=True, tag="chain.checked"):
    """What was checked about every block from `first` to `last`, all final, before it was believed.

    `parent_hash` is that of the block before `first`, so that ranges link. `checked_at` is Unix ms. `doubts` are what
    was told about these blocks and not believed, or by one provider alone.
    """

    first: int
    last: int
    parent_hash: bytes
    last_hash: bytes
    level: str
    checks: tuple[str, ...]
    provider: str
    checked_at: int
    doubts: tuple[str, ...] = ()


class ParkedDropped(Fact, frozen=True, tag="parked.dropped"):
    """An operator decided that a parked fact has no consequences, for good. `reason` is what it was parked for.

    `dropped_at` is Unix ms.
    """

    block: int
    log_index: int
    reason: str
    dropped_at: int


AnyFact = (
    ChainFact | BlockFinalised | ReceiptPublished | JobOrdered | TransactionSigned | TransactionNumbered
    | TelemetrySampled | ChainReorganised | BlocksChecked | ParkedDropped
)  # fmt: skip
