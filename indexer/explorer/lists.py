"""The lists that others may ask for: each with its rows, what may narrow it, and the ways it may be sorted."""

from collections.abc import Iterator
from enum import Enum, auto
from typing import get_args

from msgspec import Struct

from .aggregates import ACCOUNTS, JOBS, MODELS, NODES, RECEIPTS
from .filters import FINALITY, Condition, Operator, Value, Where
from .ordering import Order
from .records import BLOCKS, EVENTS, INTEGRITY, NODE_SAMPLES, PARKED, REORGS, TRANSACTIONS
from .rows import JobState, NodeState, ReceiptState
from .table import Table


class Form(Enum):
    """What a value looks like to those who ask."""

    ADDRESS = auto()
    HASH = auto()
    TEXT = auto()
    WORDS = auto()
    NUMBER = auto()
    AMOUNT = auto()
    SECOND = auto()
    MILLISECOND = auto()
    FLAG = auto()


class Narrowing(Struct, frozen=True):
    """A name under which a list is narrowed: by which columns (one of them is enough), and how they must stand.

    `also` is for a second column that must stand otherwise. `words` are all there are, where several may be named.
    """

    name: str
    form: Form
    columns: tuple[str, ...]
    operator: Operator = "="
    about: str = ""
    words: tuple[str, ...] = ()
    also: tuple[str, Operator] | None = None

    def conditions(self, values: tuple[Value, ...]) -> Where:
        more = (Condition((self.also[0],), self.also[1], values),) if self.also else ()
        return (Condition(self.columns, self.operator, values), *more)


class Listing(Struct, frozen=True):
    """The first of the orders is meant where none is named."""

    name: str
    table: Table
    orders: dict[str, Order]
    narrowings: dict[str, Narrowing]

    @property
    def order(self) -> Order:
        return next(iter(self.orders.values()))


def _same(form: Form, *names: str) -> Iterator[Narrowing]:
    for name in names:
        yield Narrowing(name, form, (name,))


def _any_of(name: str, form: Form, *columns: str, about: str) -> Narrowing:
    return Narrowing(name, form, columns, about=about)


def _words(name: str, words: tuple[str, ...]) -> Narrowing:
    return Narrowing(name, Form.WORDS, (name,), words=words, about="Several may be named, with commas between them")


def _between(form: Form, *names: str) -> Iterator[Narrowing]:
    for name in names:
        yield Narrowing(f"{name}_min", form, (name,), ">=", f"The least {name}")
        yield Narrowing(f"{name}_max", form, (name,), "<=", f"The most {name}")


def _blocks(column: str = "block", what: str = "last changed by") -> Iterator[Narrowing]:
    yield Narrowing("from_block", Form.NUMBER, (column,), ">=", f"Rows {what} this block or a later one")
    yield Narrowing("to_block", Form.NUMBER, (column,), "<=", f"Rows {what} this block or an earlier one")


def _times(column: str, prefix: str = "", form: Form = Form.SECOND) -> Iterator[Narrowing]:
    name = f"{prefix}_" if prefix else ""
    yield Narrowing(f"{name}from", form, (column,), ">=", f"{column} at this time or later")
    yield Narrowing(f"{name}to", form, (column,), "<=", f"{column} at this time or earlier")


IS_FINAL = Narrowing(FINALITY, Form.FLAG, (FINALITY,), about="Whether the block that last changed the row is final")


def _orders(
    table: Table, key: tuple[str, ...], *columns: str, newest: tuple[str, ...] | None = None
) -> dict[str, Order]:
    """Newest first where rows have an age, else by key; then by each column, `-` before it for the largest first."""
    orders: dict[str, Order] = {}
    if newest:
        orders |= {"newest": Order(table, newest), "oldest": Order(table, newest, descending=False)}
    else:
        orders |= {key[0]: Order(table, key, descending=False), f"-{key[0]}": Order(table, key)}
    for column in columns:
        for order in (Order(table, (column, *key)), Order(table, (column, *key), descending=False)):
            orders[order.name] = order
    return orders


def _listing(name: str, table: Table, orders: dict[str, Order], *narrowings: Narrowing) -> Listing:
    return Listing(name, table, orders, {each.name: each for each in narrowings})


JOBS_LIST = _listing(
    "jobs",
    JOBS,
    _orders(
        JOBS, ("job_id",), "escrow", "amount", "refund", "max_tokens", "claims", "completed_at", "closed_at", "block",
        newest=("job_id",),
    ),
    _words("state", get_args(JobState)),
    _any_of("address", Form.ADDRESS, "controller", "worker", "refund_to", about="Who ordered, does or is refunded"),
    *_same(Form.ADDRESS, "controller", "worker", "refund_to", "reserved_for"),
    *_same(Form.TEXT, "model_id", "model_cid", "prompt_cid", "response_cid"),
    _any_of(
        "tx", Form.HASH, "requested_tx", "claimed_tx", "completed_tx", "closed_tx", about="Any transaction of its life"
    ),
    *_same(Form.HASH, "requested_tx", "claimed_tx", "completed_tx", "closed_tx"),
    *_same(Form.NUMBER, "verifier_version"),
    *_between(Form.AMOUNT, "escrow", "amount"),
    *_between(Form.NUMBER, "max_tokens", "claims"),
    *_times("requested_at"),
    *_times("completed_at", "completed"),
    *_times("closed_at", "closed"),
    *_blocks(),
    IS_FINAL,
)  # fmt: skip
RECEIPTS_LIST = _listing(
    "receipts",
    RECEIPTS,
    _orders(
        RECEIPTS, ("job_id",), "amount", "refund", "prompt_tokens", "completion_tokens", "gas_used", "answered_at",
        "settled_at", "block", newest=("job_id",),
    ),
    _words("state", get_args(ReceiptState)),
    _any_of("address", Form.ADDRESS, "controller", "worker", about="Who ordered or answered"),
    *_same(Form.ADDRESS, "controller", "worker"),
    *_same(Form.TEXT, "model_id", "model_cid", "prompt_cid", "response_cid", "receipt_cid"),
    *_same(Form.HASH, "tx_hash", "block_hash", "commitment", "job_key"),
    *_same(Form.NUMBER, "verifier_version"),
    *_between(Form.AMOUNT, "amount"),
    *_between(Form.NUMBER, "prompt_tokens", "completion_tokens"),
    *_times("settled_at"),
    *_times("answered_at", "answered"),
    *_blocks(),
    IS_FINAL,
)  # fmt: skip
NODES_LIST = _listing(
    "nodes",
    NODES,
    _orders(
        NODES, ("address",), "earned", "settled", "completed", "claims", "stake", "slashed", "leases_lost", "unproven",
        "max_ram", "max_vram", "registered_at", "block",
    ),
    _words("state", get_args(NodeState)),
    Narrowing("model_id", Form.TEXT, ("offers",), "offers", "Nodes that offer this model"),
    *_between(Form.AMOUNT, "earned", "stake", "slashed"),
    *_between(Form.NUMBER, "settled", "completed", "claims", "max_ram", "max_vram"),
    *_times("registered_at"),
    *_blocks(),
    IS_FINAL,
)  # fmt: skip
MODELS_LIST = _listing(
    "models",
    MODELS,
    _orders(
        MODELS, ("model_id",), "jobs", "settled", "price_prompt_token", "price_completion_token", "max_tokens",
        "registered_at", "block",
    ),
    *_same(Form.FLAG, "is_active"),
    *_same(Form.TEXT, "model_cid", "name"),
    *_between(Form.AMOUNT, "price_prompt_token", "price_completion_token"),
    *_between(Form.NUMBER, "max_tokens", "jobs", "settled"),
    *_times("registered_at"),
    *_blocks(),
    IS_FINAL,
)  # fmt: skip
BOOKS = ("ordered", "open_escrow", "credit", "spent", "refunded", "earned", "withdrawn")
ACCOUNTS_LIST = _listing(
    "accounts",
    ACCOUNTS,
    _orders(ACCOUNTS, ("address",), *BOOKS, "block"),
    *_between(Form.AMOUNT, *BOOKS),
    *_blocks(),
    IS_FINAL,
)
BLOCKS_LIST = _listing(
    "blocks",
    BLOCKS,
    _orders(BLOCKS, ("number",), "transactions", "events", newest=("number",)),
    *_same(Form.HASH, "hash", "parent"),
    *_between(Form.NUMBER, "transactions", "events"),
    *_times("timestamp"),
    *_blocks("number", "of"),
    IS_FINAL,
)
TRANSACTIONS_LIST = _listing(
    "transactions",
    TRANSACTIONS,
    _orders(TRANSACTIONS, ("block", "index"), "value", "fee", "gas_used", newest=("block", "index")),
    *_same(Form.NUMBER, "block"),
    _any_of("address", Form.ADDRESS, "sender", "recipient", about="Who signed or was called"),
    *_same(Form.ADDRESS, "sender", "recipient"),
    *_same(Form.FLAG, "succeeded"),
    *_between(Form.AMOUNT, "value", "fee"),
    *_between(Form.NUMBER, "gas_used"),
    *_times("timestamp"),
    *_blocks(what="of"),
    IS_FINAL,
)
EVENTS_LIST = _listing(
    "events",
    EVENTS,
    _orders(EVENTS, ("block", "log_index"), newest=("block", "log_index")),
    *_same(Form.NUMBER, "block", "job_id"),
    *_same(Form.TEXT, "name"),
    *_same(Form.HASH, "tx_hash"),
    *_same(Form.ADDRESS, "contract", "address"),
    *_blocks(what="of"),
    IS_FINAL,
)
PARKED_LIST = _listing(
    "parked",
    PARKED,
    _orders(PARKED, ("block", "log_index"), newest=("block", "log_index")),
    *_same(Form.NUMBER, "block"),
    *_same(Form.TEXT, "name"),
    *_blocks(what="of"),
    IS_FINAL,
)
REORGS_LIST = _listing(
    "reorgs",
    REORGS,
    _orders(REORGS, ("reorg",), "depth", "rows", "from_number", newest=("reorg",)),
    *_between(Form.NUMBER, "depth"),
    *_times("seen_at", form=Form.MILLISECOND),
    *_blocks("from_number", "whose first dropped block is"),
)
INTEGRITY_LIST = _listing(
    "integrity",
    INTEGRITY,
    _orders(INTEGRITY, ("first",), newest=("first",)),
    Narrowing("block", Form.NUMBER, ("first",), "<=", "The range that holds this block", also=("last", ">=")),
    *_same(Form.TEXT, "level", "provider"),
    Narrowing("has_doubts", Form.FLAG, ("doubts",), "filled", "Whether anything was told that was not believed"),
    *_times("checked_at", form=Form.MILLISECOND),
    Narrowing("from_block", Form.NUMBER, ("last",), ">=", "Ranges that reach this block"),
    Narrowing("to_block", Form.NUMBER, ("first",), "<=", "Ranges that begin by this block"),
)
SAMPLES_LIST = _listing(
    "samples",
    NODE_SAMPLES,
    _orders(NODE_SAMPLES, ("sampled_at", "node"), newest=("sampled_at", "node")),
    *_times("sampled_at", form=Form.MILLISECOND),
)

LISTINGS = {
    each.name: each
    for each in (
        BLOCKS_LIST, TRANSACTIONS_LIST, EVENTS_LIST, JOBS_LIST, RECEIPTS_LIST, NODES_LIST, MODELS_LIST, ACCOUNTS_LIST,
        PARKED_LIST, REORGS_LIST, INTEGRITY_LIST, SAMPLES_LIST,
    )
}  # fmt: skip
