"""The digest of each final block: what a block changed comes in, the fingerprint of all tables after it is on record.

Adding up changes costs some microseconds a row. That is nothing for a block that comes in at the head, and too much for
a backfill: there nothing is added up. Once level, the tables are added up as they stand, by DuckDB and beside
everything else, and from then on each block adds its own. Of a block before that, the digest is found by folding the
ledger up to it (`recomputing`).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb
import msgspec
from msgspec import Struct

from domain.facts import BlockFinalised

from .digest import Digest, digest_of_sums, sum_of
from .fingerprints import Sum, sum_of_row
from .folds import Books, hexed
from .rows import Row
from .tables import OVERLAID, SCHEMA_VERSION, TABLE_OF

Sums = dict[type[Row], Sum]
KEPT_BLOCKS = 100_000
"""So many blocks have a digest each; of those before, one in a thousand keeps its."""

THINNED = 1000

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Sum]).decode


class Base(Struct, frozen=True):
    """What the final tables add up to after their newest block."""

    number: int
    hash: str
    sums: Sums


class BlockDigest(Struct, frozen=True):
    """The final tables after block `number`, and after all blocks up to `upto`, in which nothing of ours happened."""

    number: int
    hash: str
    upto: int
    digest: Digest


class Digests:
    """What the final tables add up to after the newest block, while that is known.

    `took` is part of the transaction that changes the tables; `committed` tells that it was one. Not for several
    threads, but for `begin`.
    """

    def __init__(self) -> None:
        self._now: Sums | None = None
        self._next: Sums | None = None
        self._waiting: list[tuple[BlockFinalised, Sums]] | None = None

    @property
    def is_known(self) -> bool:
        return self._now is not None

    @property
    def wants_history(self) -> bool:
        """Whether the next fold is to tell what it replaced."""
        return self._now is not None or self._waiting is not None

    def resume(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Goes on where an earlier run stopped, if nothing was indexed since without being added up."""
        self._waiting = None
        self._now = self._next = None
        newest = cursor.execute(
            "SELECT sums FROM final.digests WHERE number = (SELECT coalesce(max(number), -1) FROM final.blocks)"
        ).fetchall()
        if newest:
            self._now = self._next = _unpacked(newest[0][0])

    def watch(self) -> None:
        """From here on, blocks that come in are remembered until `settle`."""
        self._waiting = []

    def settle(self, cursor: duckdb.DuckDBPyConnection, base: Base) -> None:
        """`base` is what the tables added up to at `watch`; what came in since is added."""
        if self._waiting is None:
            return
        self._now = base.sums
        _record(cursor, [(base.number, base.hash, base.sums)])
        self._add(cursor, self._waiting)
        self._waiting = None

    def took(self, cursor: duckdb.DuckDBPyConnection, blocks: Sequence[BlockFinalised], books: Books | None) -> None:
        """Blocks became final. `books` are those of their fold if it told what it replaced."""
        self._next = self._now
        if not blocks or not self.wants_history:
            return
        if books is None:
            self._next = self._waiting = None
            return
        changes = changes_by_block(books)
        found = [(block, changes.get(block.number, {})) for block in blocks]
        if self._waiting is not None:
            self._waiting += found
        else:
            self._add(cursor, found)

    def committed(self) -> None:
        self._now = self._next

    def forget(self) -> None:
        """The transaction failed, or other tables took the place of these: nothing is known."""
        self._now = self._next = self._waiting = None

    def _add(self, cursor: duckdb.DuckDBPyConnection, found: Iterable[tuple[BlockFinalised, Sums]]) -> None:
        assert self._now is not None
        now, records = self._now, []
        for block, changes in found:
            now = {kind: now[kind].plus(changes[kind]) if kind in changes else now[kind] for kind in now}
            records.append((block.number, hexed(block.hash), now))
        _record(cursor, records)
        self._next = now


def base_of(cursor: duckdb.DuckDBPyConnection) -> Base:
    """What the final tables add up to, by reading them all."""
    newest = cursor.execute("SELECT number, hash FROM final.blocks ORDER BY number DESC LIMIT 1").fetchall()
    number, hash_ = newest[0] if newest else (-1, "")
    return Base(number, hash_, {table.row: sum_of(cursor, table) for table in OVERLAID})


def changes_by_block(books: Books) -> dict[int, Sums]:
    """What each block added to the tables, less what it replaced. Every row names the block that made it so."""
    changes: dict[int, Sums] = {}

    def count(kind: type[Row], block: int, row: Row, is_new: bool) -> None:
        sums = changes.setdefault(block, {})
        before = sums.get(kind, Sum())
        sums[kind] = before.plus(sum_of_row(row)) if is_new else before.minus(sum_of_row(row))

    for kind, rows in books.changes().items():
        for row in rows:
            count(kind, _block_of(row), row, True)
    made = set(changes)
    for row, block in books.superseded:
        count(type(row), block, row, False)
        if _block_of(row) in made:
            count(type(row), _block_of(row), row, True)
    return changes


def digest_at(cursor: duckdb.DuckDBPyConnection, number: int | None = None) -> BlockDigest | None:
    """The newest digest on record, or the newest of a block up to `number`."""
    found = cursor.execute(
        "SELECT number, hash, sums, coalesce("
        "(SELECT min(b.number) - 1 FROM final.blocks b WHERE b.number > d.number), "
        "(SELECT greatest(final_number, d.number) FROM final.progress)) "
        "FROM final.digests d WHERE number <= ? ORDER BY number DESC LIMIT 1",
        [2**62 if number is None else number],
    ).fetchall()
    if not found:
        return None
    height, hash_, sums, upto = found[0]
    return BlockDigest(height, hash_, upto, digest_of_sums(_unpacked(sums)))


def digest_of_file(path: Path, number: int | None) -> BlockDigest | None:
    """The same from the file of a database, by reading its tables if need be; None if that can not be told."""
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path.resolve()), read_only=True) as connection:
            connection.execute("SET disabled_optimizers = 'row_group_pruner'")  # as in our own process: see `database`
            version, final = connection.execute("SELECT schema_version, final_number FROM final.progress").fetchall()[0]
            if version != SCHEMA_VERSION:
                return None
            kept = None if number is None else digest_at(connection, number)
            if kept and number and number <= min(kept.upto, final):
                return kept
            base = base_of(connection)
    except duckdb.Error:
        return None
    if number is None or base.number <= number <= final:
        return BlockDigest(base.number, base.hash, final, digest_of_sums(base.sums))
    return None


def _record(cursor: duckdb.DuckDBPyConnection, records: Sequence[tuple[int, str, Mapping[type[Row], Sum]]]) -> None:
    if not records:
        return
    values = [
        value
        for number, hash_, sums in records
        for value in (number, hash_, _pack([sums[table.row] for table in OVERLAID]))
    ]
    cursor.execute("INSERT INTO final.digests VALUES " + ", ".join(["(?, ?, ?)"] * len(records)), values)
    last = records[-1][0]
    if last // THINNED > records[0][0] // THINNED or last % THINNED == 0:
        cursor.execute(f"DELETE FROM final.digests WHERE number < ? AND number % {THINNED} != 0", [last - KEPT_BLOCKS])


def _unpacked(packed: bytes) -> Sums:
    return {table.row: found for table, found in zip(OVERLAID, _unpack(packed), strict=True)}


def _block_of(row: Row) -> int:
    block: int = getattr(row, TABLE_OF[type(row)].block or "")
    return block
