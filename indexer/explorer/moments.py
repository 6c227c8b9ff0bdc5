"""Which moment is meant: a block by number or hash comes in, the block as we hold it and how to tell its state go out.

BadMoment
├── BeyondHead      the block is not there yet
├── DroppedBlock    the chain has reorganised it away
├── UnknownBlock    none of our tables holds its hash
└── BeingFolded     it lies so far back that its state is made from the ledger first; ask again
"""

import duckdb
from msgspec import Struct

from .errors import ExplorerError
from .prepared import ask
from .rows import Head

NEAR_BLOCKS = 10_000
"""So far below the head, a hash is looked for first: the tables need not be read whole for a recent one."""


class BadMoment(ExplorerError):
    """Root of what is wrong with a moment that was asked for."""


class BeyondHead(BadMoment):
    pass


class DroppedBlock(BadMoment):
    pass


class UnknownBlock(BadMoment):
    pass


class BeingFolded(BadMoment):
    pass


class Moment(Struct, frozen=True):
    """The head once it was this block, with what is final now. `is_near` says that our tables can tell its state.

    The hash is empty and the time 0 for a final block without anything of ours: of such we keep neither.
    """

    head: Head
    is_newest: bool
    is_near: bool


class Present(Struct, frozen=True):
    """How far the tables go, both ways."""

    head: Head
    since: int | None


def present(cursor: duckdb.DuckDBPyConnection) -> Present:
    """`cursor` must see one moment from here until the rows are read."""
    *head, since = ask(
        cursor,
        "SELECT head_number, head_hash, coalesce(epoch_us(head_at) // 1000000, 0), final_number, final_hash, since "
        "FROM final.progress, history.reach",
        (),
    )[0]
    return Present(Head(*head), since)


def moment(cursor: duckdb.DuckDBPyConnection, asked: int | str, now: Present) -> Moment:
    """Raises BadMoment."""
    number, hash_, at = _by_hash(cursor, asked, now) if isinstance(asked, str) else _by_number(cursor, asked, now)
    is_newest = number == now.head.number
    is_near = is_newest or (now.since is not None and number >= now.since)
    return Moment(Head(number, hash_, at, now.head.final, now.head.final_hash), is_newest, is_near)


def _by_number(cursor: duckdb.DuckDBPyConnection, number: int, now: Present) -> tuple[int, str, int]:
    if number > now.head.number:
        raise BeyondHead(f"block {number} is beyond the head, which is block {now.head.number}")
    if number == now.head.number:
        return number, now.head.hash, now.head.at
    found = ask(cursor, "SELECT hash, epoch_us(timestamp) // 1000000 FROM blocks WHERE number = ?", (number,))
    return (number, *found[0]) if found else (number, "", 0)


def _by_hash(cursor: duckdb.DuckDBPyConnection, hash_: str, now: Present) -> tuple[int, str, int]:
    hash_ = hash_.lower()
    if hash_ == now.head.hash:
        return now.head.number, hash_, now.head.at
    for least in (now.head.number - NEAR_BLOCKS, -1):
        select = "SELECT number, hash, epoch_us(timestamp) // 1000000 FROM blocks WHERE number > ? AND hash = ?"
        if found := ask(cursor, select, (least, hash_)):
            number, _, at = found[0]
            return number, hash_, at
    raise _missing(cursor, hash_)


def _missing(cursor: duckdb.DuckDBPyConnection, hash_: str) -> BadMoment:
    dropped = ask(
        cursor,
        "SELECT from_number + list_position(dropped, ?) - 1 FROM reorgs WHERE list_contains(dropped, ?) "
        "ORDER BY reorg DESC LIMIT 1",
        (hash_, hash_),
    )
    if not dropped:
        return UnknownBlock(f"block {hash_} is not known here: final blocks without anything of ours are not kept")
    number = dropped[0][0]
    there = ask(cursor, "SELECT hash FROM blocks WHERE number = ?", (number,))
    instead = f"; block {number} is {there[0][0]} now" if there else ""
    return DroppedBlock(f"block {hash_} at height {number} was reorganised away{instead}")
