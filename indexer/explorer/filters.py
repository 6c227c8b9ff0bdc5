"""What narrows a list: one struct a table, whose fields are columns and the values that they must have."""

from msgspec import Struct

from .rows import JobState, NodeState, ReceiptState


class Filter(Struct, frozen=True):
    """Rows whose columns equal every value that is given."""


class JobFilter(Filter, frozen=True):
    state: JobState | None = None
    controller: str | None = None
    worker: str | None = None
    model_id: str | None = None
    prompt_cid: str | None = None
    requested_tx: str | None = None


class ReceiptFilter(Filter, frozen=True):
    state: ReceiptState | None = None
    worker: str | None = None
    controller: str | None = None
    model_id: str | None = None


class NodeFilter(Filter, frozen=True):
    state: NodeState | None = None


class ModelFilter(Filter, frozen=True):
    is_active: bool | None = None
    model_cid: str | None = None


class TransactionFilter(Filter, frozen=True):
    block: int | None = None
    sender: str | None = None
    recipient: str | None = None


class SampleFilter(Filter, frozen=True):
    node: str | None = None


class EventFilter(Filter, frozen=True):
    block: int | None = None
    job_id: int | None = None
    name: str | None = None
    tx_hash: str | None = None
    address: str | None = None
