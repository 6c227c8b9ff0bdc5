"""The statement of an address: every event that moved its balances, newest first, with what they came to after it.

It is told backwards from what the address has: each page knows the balances that the one before it left off at.
"""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import duckdb
import msgspec
from msgspec import Meta, Struct
from msgspec.structs import astuple

from domain.facts import ReceiptAccepted

from .aggregates import ACCOUNTS, JOBS, NODES
from .errors import BadCursor
from .folds.arguments import NAMES, fact_of
from .listing import At, Page, one
from .postings import OF_ADDRESSES, OF_JOBS, Posting, postings_of
from .records import BLOCKS, EVENTS, PARKED
from .relations import relation
from .rows import AccountRow, Head, JobRow, NodeRow, Row
from .storing import load

PIECE_BLOCKS, PIECE_GROWTH = 2_000, 16
NEVER = 1 << 62


Amount = Annotated[str, Meta(pattern="^-?[0-9]{1,39}$")]


class Balances(Struct, frozen=True):
    """Wei in escrow for open jobs, as credit, and at stake."""

    escrow: int = 0
    credit: int = 0
    stake: int = 0

    def before(self, postings: Sequence[Posting]) -> "Balances":
        left = {name: sum(each.amount for each in postings if each.balance == name) for name in self.__struct_fields__}
        return Balances(self.escrow - left["escrow"], self.credit - left["credit"], self.stake - left["stake"])


class EntryRow(Row):
    """An event that moved balances of the address, and what these came to after it."""

    block: int
    log_index: int
    at: int
    tx_hash: str
    event: str
    job_id: int | None
    postings: tuple[Posting, ...]
    after: Balances
    is_final: bool


class Place(Struct, frozen=True, array_like=True):
    """The oldest event told so far, and the balances before it, as decimal text: they may pass 64 bits."""

    block: int
    log_index: int
    escrow: Amount
    credit: Amount
    stake: Amount

    @property
    def balances(self) -> Balances:
        return Balances(int(self.escrow), int(self.credit), int(self.stake))


def read_statement(
    cursor: duckdb.DuckDBPyConnection, address: str, after: str | None, limit: int, head: Head, at: At | None
) -> Page[EntryRow] | None:
    """None for an address without books. `cursor` must see one moment, at which `head` is newest. Raises BadCursor."""
    account, node = one(cursor, ACCOUNTS, {"address": address}, at), one(cursor, NODES, {"address": address}, at)
    if account is None and node is None:
        return None
    place = _opened(after) if after else None
    found = _events(cursor, address, place, limit + 1, head, at)
    jobs = _jobs(cursor, [job_id for *_, job_id in found if job_id is not None])
    balances = place.balances if place else _balances(account, node)
    entries: list[EntryRow] = []
    for block, log_index, seconds, tx_hash, name, args, job_id in found[:limit]:
        postings = postings_of(fact_of(name, args), address, jobs.get(job_id))
        is_final = block <= head.final
        entries.append(EntryRow(block, log_index, seconds, tx_hash, name, job_id, postings, balances, is_final))
        balances = balances.before(postings)
    following = _sealed(entries[-1], balances) if len(found) > limit else None
    return Page(tuple(entry for entry in entries if entry.postings), following)


def _balances(account: AccountRow | None, node: NodeRow | None) -> Balances:
    escrow, credit = (account.open_escrow, account.credit) if account else (0, 0)
    return Balances(escrow, credit, node.stake if node else 0)


def _events(
    cursor: duckdb.DuckDBPyConnection, address: str, place: Place | None, count: int, head: Head, at: At | None
) -> list[Any]:
    """The newest events before `place` that concern the address, looked for further and further down."""
    block, log_index = (place.block, place.log_index) if place else (head.number, NEVER)
    question = _question(relation(EVENTS, at), relation(PARKED, at))
    span = PIECE_BLOCKS
    while True:
        values = {"address": address, "block": block, "log": log_index, "least": block - span, "count": count}
        found = cursor.execute(question, values).fetchall()
        if len(found) >= count or span > block:
            return found
        span *= PIECE_GROWTH


@cache
def _question(events: str, parked: str) -> str:
    jobs, blocks = relation(JOBS), relation(BLOCKS)
    before = "e.block >= $least AND (e.block < $block OR e.block = $block AND e.log_index < $log)"
    newest = "ORDER BY e.block DESC, e.log_index DESC LIMIT $count"
    own = f"SELECT job_id FROM {jobs} WHERE controller = $address OR refund_to = $address"
    each = f"SELECT e.* EXCLUDE (address, contract) FROM {events} e ANTI JOIN {parked} p USING (block, log_index)"
    return f"""
SELECT e.block, e.log_index, epoch_us(b.timestamp) // 1000000, e.tx_hash, e.name, e.args, e.job_id FROM (
    ({each} WHERE e.name IN ({_names(OF_JOBS)}) AND e.job_id IN ({own}) AND {before} {newest})
    UNION
    ({each} WHERE e.name IN ({_names((ReceiptAccepted, *OF_ADDRESSES))}) AND e.address = $address AND {before} {newest})
) e JOIN {blocks} b ON b.number = e.block {newest}"""


def _names(kinds: Sequence[type]) -> str:
    return ", ".join(f"'{NAMES[kind]}'" for kind in kinds)


def _jobs(cursor: duckdb.DuckDBPyConnection, keys: Sequence[int]) -> dict[Any, JobRow]:
    """Parties and escrow of a job never change: they are the same whatever moment is asked for."""
    found = [*load(cursor, "final", JobRow, keys), *load(cursor, "tip", JobRow, keys)]
    return {row.job_id: row for row in found if isinstance(row, JobRow)}


def _sealed(oldest: EntryRow, balances: Balances) -> str:
    amounts = map(str, astuple(balances))
    return msgspec.json.encode(Place(oldest.block, oldest.log_index, *amounts)).decode()


def _opened(text: str) -> Place:
    try:
        return msgspec.json.decode(text, type=Place)
    except (msgspec.MsgspecError, ValueError) as fault:
        raise BadCursor(f"cursor {text!r} is none of ours: take it from `next` of a page, unchanged") from fault
