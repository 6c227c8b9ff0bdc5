"""What narrows a list: conditions on columns, of which every row fulfils all."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict

from .rows import JobState, NodeState, ReceiptState

Value = int | str | bool
Operator = Literal["=", ">=", "<=", "offers", "filled"]


class Condition(Struct, frozen=True):
    """One of these columns stands so to one of these values.

    `offers` is for a list of offers that has one for the model, `filled` for a list that is empty or not.
    """

    columns: tuple[str, ...]
    operator: Operator
    values: tuple[Value, ...]


Where = Sequence[Condition]

FINALITY = "is_final"
"""The one column that no table has: where a row lies tells it."""


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


def equal(**values: Value) -> Where:
    return tuple(Condition((column,), "=", (value,)) for column, value in values.items())


def conditions(where: Filter | Where | None) -> Where:
    if isinstance(where, Filter):
        return equal(**{name: value for name, value in asdict(where).items() if value is not None})
    return where or ()
