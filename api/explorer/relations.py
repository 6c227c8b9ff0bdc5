"""What belongs to a row: its kind and the names that `include` may ask for come in, rows of other lists go out."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from api.explorer.shapes import IncludedOut
from api.explorer.words import (
    account_out,
    block_out,
    event_out,
    job_out,
    model_out,
    node_out,
    receipt_out,
    sample_out,
    transaction_out,
)
from indexer.explorer.filters import Condition, Operator
from indexer.explorer.lists import (
    ACCOUNTS_LIST,
    BLOCKS_LIST,
    EVENTS_LIST,
    JOBS_LIST,
    MODELS_LIST,
    NODES_LIST,
    RECEIPTS_LIST,
    SAMPLES_LIST,
    TRANSACTIONS_LIST,
    Listing,
)
from indexer.explorer.queries import Queries
from indexer.explorer.rows import OfferRow, Row

NEWEST = 20

SHOWN: dict[str, Callable[[Any], Any]] = {
    "accounts": account_out,
    "blocks": block_out,
    "events": event_out,
    "jobs": job_out,
    "models": model_out,
    "nodes": node_out,
    "receipts": receipt_out,
    "samples": sample_out,
    "transactions": transaction_out,
}


class Bound(Struct, frozen=True):
    """What is known of a column of the rows looked for, which spares DuckDB those that lie elsewhere."""

    column: str
    operator: Operator
    fields: tuple[str, ...]


class Relation(Struct, frozen=True):
    """Rows of another list, one of whose `columns` has a value that this row has in one of `fields`."""

    name: str
    listing: Listing
    columns: tuple[str, ...]
    fields: tuple[str, ...]
    operator: Operator = "="
    bounds: tuple[Bound, ...] = ()

    @property
    def is_single(self) -> bool:
        return self.name != self.listing.name

    def rows(self, queries: Queries, of: Sequence[Any], most: int) -> Sequence[Row]:
        values = _values(of, self.fields)
        if not values:
            return ()
        wanted = [Condition(self.columns, self.operator, values)]
        for bound in self.bounds:
            if known := _values(of, bound.fields):
                furthest = min(known) if bound.operator == ">=" else max(known)
                wanted.append(Condition((bound.column,), bound.operator, (furthest,)))
        found: tuple[Row, ...] = queries.rows(self.listing.order, wanted, None, most).rows
        return found


Relations = dict[str, Relation]


def _relations(*relations: Relation) -> Relations:
    return {relation.name: relation for relation in relations}


def _at(column: str, *fields: str) -> tuple[Bound, ...]:
    return Bound(column, ">=", fields), Bound(column, "<=", fields)


_JOB_TX = ("requested_tx", "claimed_tx", "completed_tx", "closed_tx")
_JOB_TIMES = ("requested_at", "claimed_at", "completed_at", "closed_at")

_JOB = Relation("job", JOBS_LIST, ("job_id",), ("job_id",), bounds=_at("job_id", "job_id"))
_RECEIPT = Relation("receipt", RECEIPTS_LIST, ("job_id",), ("job_id",), bounds=_at("job_id", "job_id"))
_MODEL = Relation("model", MODELS_LIST, ("model_id",), ("model_id",))
_NODE = Relation("node", NODES_LIST, ("address",), ("worker",))
_ACCOUNT = Relation("account", ACCOUNTS_LIST, ("address",), ("controller",))
_EVENTS = Relation("events", EVENTS_LIST, ("job_id",), ("job_id",), bounds=(Bound("block", "<=", ("block",)),))

OF_JOB = _relations(
    _RECEIPT,
    _MODEL,
    _NODE,
    _ACCOUNT,
    _EVENTS,
    Relation("transactions", TRANSACTIONS_LIST, ("hash",), _JOB_TX, bounds=_at("timestamp", *_JOB_TIMES)),
)
OF_RECEIPT = _relations(
    _JOB,
    _MODEL,
    _NODE,
    _ACCOUNT,
    _EVENTS,
    Relation("transaction", TRANSACTIONS_LIST, ("hash",), ("tx_hash",), bounds=_at("block", "block_number")),
    Relation("block", BLOCKS_LIST, ("number",), ("block_number",), bounds=_at("number", "block_number")),
)
OF_NODE = _relations(
    Relation("jobs", JOBS_LIST, ("worker",), ("address",)),
    Relation("receipts", RECEIPTS_LIST, ("worker",), ("address",)),
    Relation("samples", SAMPLES_LIST, ("node",), ("address",)),
    Relation("account", ACCOUNTS_LIST, ("address",), ("address",)),
    Relation("models", MODELS_LIST, ("model_id",), ("offers",)),
)
OF_MODEL = _relations(
    Relation("jobs", JOBS_LIST, ("model_id",), ("model_id",)),
    Relation("receipts", RECEIPTS_LIST, ("model_id",), ("model_id",)),
    Relation("nodes", NODES_LIST, ("offers",), ("model_id",), "offers"),
)
OF_ACCOUNT = _relations(
    Relation("jobs", JOBS_LIST, ("controller", "worker", "refund_to"), ("address",)),
    Relation("receipts", RECEIPTS_LIST, ("controller", "worker"), ("address",)),
    Relation("transactions", TRANSACTIONS_LIST, ("sender", "recipient"), ("address",)),
    Relation("node", NODES_LIST, ("address",), ("address",)),
    Relation("events", EVENTS_LIST, ("address",), ("address",)),
)
OF_BLOCK = _relations(
    Relation("transactions", TRANSACTIONS_LIST, ("block",), ("number",)),
    Relation("events", EVENTS_LIST, ("block",), ("number",)),
    Relation("jobs", JOBS_LIST, ("block",), ("number",)),
    Relation("receipts", RECEIPTS_LIST, ("block",), ("number",)),
)
_BLOCK = Relation("block", BLOCKS_LIST, ("number",), ("block",), bounds=_at("number", "block"))
_SINCE = Bound("block", ">=", ("block",))
OF_TRANSACTION = _relations(
    Relation("events", EVENTS_LIST, ("tx_hash",), ("hash",), bounds=_at("block", "block")),
    _BLOCK,
    Relation("jobs", JOBS_LIST, _JOB_TX, ("hash",), bounds=(_SINCE, Bound("requested_at", "<=", ("timestamp",)))),
    Relation(
        "receipts", RECEIPTS_LIST, ("tx_hash",), ("hash",), bounds=(_SINCE, Bound("answered_at", "<=", ("timestamp",)))
    ),
)
OF_EVENT = _relations(
    _JOB, Relation("transaction", TRANSACTIONS_LIST, ("hash",), ("tx_hash",), bounds=_at("block", "block")), _BLOCK
)


def singles(relations: Relations) -> Relations:
    """Those that a list may bring: at most one for each of its rows."""
    return {name: each for name, each in relations.items() if each.is_single}


def beside_one(queries: Queries, row: Any, wanted: Iterable[Relation]) -> IncludedOut:
    found = {each.name: _shown(each, each.rows(queries, (row,), 1 if each.is_single else NEWEST)) for each in wanted}
    return IncludedOut(**found)


def beside_list(queries: Queries, rows: Sequence[Row], wanted: Iterable[Relation]) -> IncludedOut:
    most = max(1, len(rows))
    found: dict[str, Any] = {
        each.listing.name: [_show(each, row) for row in each.rows(queries, rows, most)] for each in wanted
    }
    return IncludedOut(**found)


def _shown(relation: Relation, rows: Sequence[Row]) -> Any:
    shown = [_show(relation, row) for row in rows]
    return next(iter(shown), None) if relation.is_single else shown


def _show(relation: Relation, row: Row) -> Any:
    return SHOWN[relation.listing.name](row)


def _values(rows: Sequence[Any], fields: tuple[str, ...]) -> tuple[Any, ...]:
    """What rows have in some fields, each value once; of offers, the models."""
    found = [getattr(row, name) for row in rows for name in fields]
    each = [one for value in found for one in (value if isinstance(value, tuple) else (value,)) if one is not None]
    return tuple(dict.fromkeys(value.model_id if isinstance(value, OfferRow) else value for value in each))
