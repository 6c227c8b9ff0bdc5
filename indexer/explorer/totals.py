"""The books of all addresses added up: a moment comes in, sums that must agree with each other go out."""

import duckdb

from .aggregates import ACCOUNTS, NODES
from .listing import At
from .relations import relation
from .rows import Row

_ACCOUNTS = ("ordered", "open_escrow", "spent", "refunded", "earned", "credit", "withdrawn")


class TotalsRow(Row):
    """Sums over all accounts and nodes, in wei."""

    accounts: int
    ordered: int
    open_escrow: int
    spent: int
    refunded: int
    earned: int
    credit: int
    withdrawn: int
    nodes: int
    stakes: int
    slashed: int


def read_totals(cursor: duckdb.DuckDBPyConnection, at: At | None) -> TotalsRow:
    """`cursor` must see one moment."""
    sums = ", ".join(f"coalesce(sum({name}), 0)::HUGEINT" for name in _ACCOUNTS)
    accounts = cursor.execute(f"SELECT count(*), {sums} FROM {relation(ACCOUNTS, at)}").fetchall()[0]
    nodes = cursor.execute(
        "SELECT count(*), coalesce(sum(stake), 0)::HUGEINT, coalesce(sum(slashed), 0)::HUGEINT "
        f"FROM {relation(NODES, at)}"
    ).fetchall()[0]
    return TotalsRow(*accounts, *nodes)
