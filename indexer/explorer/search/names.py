"""The names of final rows, kept in order beside the database: rows that are new come in, what a text may name goes out.

The file is made from the tables and from nothing else: lost, damaged or of other tables, it is made anew. It lags
behind them by some thousand rows; what it does not cover yet, readers look for in the tables.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]
from msgspec import Struct

from ..rows import DocumentRow, Row
from .keys import range_of, sql_key
from .origins import KINDS, ON_CHAIN, PUBLISHED, NameKind, Origin
from .runs import Covered, Runs

PIECE_TRANSACTIONS = 40_000
PIECE_ROWS = 100_000
WAITING_MIN = 20_000
"""With fewer rows uncovered, looking into the tables for them costs little."""

TARGETS_MAX = 8
"""Of one kind: each lies in another part of its table, and costs as much as all others."""

CHAIN, DOCUMENTS = "chain", "documents"
SINCE = '"{block}" > $above AND "{block}" <= $upto'

Moment = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]

log = logging.getLogger(__name__)


class Leads(Struct, frozen=True):
    """Numbers of rows that may bear a name, by kind. Those that blocks above `covered` changed are to be looked at too,
    and all documents unless `has_documents`."""

    covered: int = -1
    has_documents: bool = False
    targets: Mapping[NameKind, Sequence[int]] = {}


class Names:
    """Nothing is kept until `keep_up` is called for the first time. `tables` lends a cursor that sees one moment."""

    def __init__(self, path: Path, tables: Moment, waiting_min: int = WAITING_MIN) -> None:
        self._path = path
        self._tables = tables
        self._waiting_min = waiting_min
        self._turn = threading.Lock()
        self._runs: Runs | None = None
        self._fits = False
        self._published: dict[str, int] = {}

    def keep_up(self) -> bool:
        """Takes in one more piece, if enough waits to be. Returns whether it did: there may be more."""
        with self._turn, self._tables() as tables:
            if self._runs is None and not self._path.exists() and self._upto(tables, -1) is None:
                return False
            runs = self._opened(tables)
            took_documents = self._take_documents(runs, tables)
            return self._take_blocks(runs, tables) or took_documents

    def note(self, rows: Iterable[Row]) -> None:
        """Documents that are in the tables now: no block says which of them are new."""
        if self._runs is not None:
            self._published |= {row.receipt_cid: row.job_id for row in rows if isinstance(row, DocumentRow)}

    def leads(self, text: str, kinds: Sequence[NameKind]) -> Leads:
        """To rows of these kinds, a few of each at least, whose name may begin with `text`."""
        runs = self._runs
        if runs is None or not self._fits:
            return Leads()
        noted = [job for cid, job in list(self._published.items()) if cid.startswith(text)]
        covered, found = runs.leads(*range_of(text), [KINDS.index(kind) for kind in kinds])
        targets: dict[NameKind, list[int]] = {PUBLISHED.kind: noted}
        for kind, target in found:
            led = targets.setdefault(KINDS[kind], [])
            if len(led) < TARGETS_MAX:
                led.append(target)
        return Leads(covered, True, targets)

    def doubt(self) -> None:
        """Other tables may have taken the place of those before: nothing is told until they were compared."""
        self._fits = False

    def close(self) -> None:
        with self._turn:
            if self._runs is not None:
                self._runs.close()
            self._runs, self._fits = None, False

    def _opened(self, tables: duckdb.DuckDBPyConnection) -> Runs:
        """The runs, with those of other tables thrown away, and with all documents."""
        if self._runs is None:
            self._runs = _open(self._path)
        if not self._fits:
            known = self._runs.covered()
            if known.number >= 0 and known != _covered(tables, known.number):
                log.warning("the names in %s are of other tables: they are made anew", self._path)
                self._runs.clear(CHAIN, NOTHING)
            self._runs.clear(DOCUMENTS)
            for batch in _read(tables, PUBLISHED, "true", {}).to_arrow_reader(PIECE_ROWS):
                self._runs.add(pa.Table.from_batches([batch]), DOCUMENTS)
            self._fits = True
        return self._runs

    def _take_documents(self, runs: Runs, tables: duckdb.DuckDBPyConnection) -> bool:
        noted = dict(self._published)
        if len(noted) < self._waiting_min:
            return False
        found = _read(tables, PUBLISHED, "job_id IN (SELECT unnest($jobs))", {"jobs": list(noted.values())})
        runs.add(found.to_arrow_table(), DOCUMENTS)
        for cid in noted:
            del self._published[cid]
        return True

    def _take_blocks(self, runs: Runs, tables: duckdb.DuckDBPyConnection) -> bool:
        above = runs.covered().number
        upto = self._upto(tables, above)
        if upto is None:
            return False
        values = {"above": above, "upto": upto}
        found = [
            _read(tables, each, SINCE.format(block=each.table.block), values).to_arrow_table() for each in ON_CHAIN
        ]
        runs.add(pa.concat_tables(found), CHAIN, _covered(tables, upto))
        return True

    def _upto(self, tables: duckdb.DuckDBPyConnection, above: int) -> int | None:
        """The block up to which the next piece goes, None while too little waits."""
        waiting, upto = tables.execute(
            "SELECT count(*), max(block) FROM "
            "(SELECT block FROM final.transactions WHERE block > ? ORDER BY block LIMIT ?)",
            [above, PIECE_TRANSACTIONS],
        ).fetchall()[0]
        return upto if waiting >= self._waiting_min else None


NOTHING = Covered(-1, "", 0)


def _open(path: Path) -> Runs:
    try:
        return Runs(path)
    except duckdb.Error as fault:
        log.warning("the names in %s are made anew: %s", path, fault)
        for each in (path, path.with_name(path.name + ".wal")):
            each.unlink(missing_ok=True)
        return Runs(path)


def _covered(tables: duckdb.DuckDBPyConnection, number: int) -> Covered | None:
    """What the tables hold up to a block: its hash and how many transactions tell them from others."""
    found = tables.execute(
        "SELECT number, hash, (SELECT count(*) FROM final.transactions WHERE block <= $number) FROM final.blocks "
        "WHERE number = $number",
        {"number": number},
    ).fetchall()
    return Covered(*found[0]) if found else None


def _read(
    tables: duckdb.DuckDBPyConnection, origin: Origin, condition: str, values: Mapping[str, Any]
) -> duckdb.DuckDBPyConnection:
    target = f"max({origin.leads_to})" if origin.once else origin.leads_to
    grouped = " GROUP BY ALL" if origin.once else ""
    return tables.execute(
        f"SELECT {sql_key(origin.column)} AS key, {KINDS.index(origin.kind)}::UTINYINT AS kind, {target} AS target "
        f"FROM final.{origin.table.name} WHERE {condition}{grouped}",
        values,
    )
