"""Blocks of raw logs come in; rows by table go to DuckDB, a log that the ABI does not describe to `raw_logs`."""

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]

from domain.facts import BlockFinalised, LogUnreadable, Occurrence

from .errors import Unfit
from .layout import Layout, Readers
from .schema import BLOCKS_SEEN, RAW_LOGS, Table, quoted, table_of

Rows = dict[str, list[tuple[Any, ...]]]


class Writer:
    """Knows the tables and how to read the logs into them."""

    def __init__(self, layouts: Sequence[Layout], readers: Readers) -> None:
        self.tables = {table.name: table for table in (BLOCKS_SEEN, RAW_LOGS, *map(table_of, layouts))}
        self._readers = readers

    def write(self, cursor: duckdb.DuckDBPyConnection, schema: str, blocks: Sequence[BlockFinalised]) -> None:
        """Adds the rows of these blocks, in the caller's transaction."""
        for name, rows in self.rows(blocks).items():
            _insert(cursor, schema, self.tables[name], rows)

    def drop(self, cursor: duckdb.DuckDBPyConnection, schema: str, condition: str, number: int) -> int:
        """Takes out the rows of the blocks whose number meets the condition. Returns how many events those were."""
        dropped = 0
        for table in self.tables.values():
            gone = cursor.execute(
                f"DELETE FROM {schema}.{quoted(table.name)} WHERE {table.block} {condition} ?", [number]
            ).fetchall()
            dropped += gone[0][0] if table is not BLOCKS_SEEN else 0
        return dropped

    def rows(self, blocks: Sequence[BlockFinalised]) -> Rows:
        rows: Rows = {}
        for block in blocks:
            seen = (block.number, _hex(block.hash), _hex(block.parent), block.timestamp, len(block.occurrences))
            rows.setdefault(BLOCKS_SEEN.name, []).append(seen)
            hashes = {transaction.index: _hex(transaction.hash) for transaction in block.transactions}
            for each in block.occurrences:
                place = (block.number, each.log_index, hashes[each.tx_index], _hex(each.contract))
                table, values = self._read(each)
                rows.setdefault(table, []).append((*place, *values))
        return rows

    def _read(self, occurrence: Occurrence) -> tuple[str, Sequence[Any]]:
        """The table of a log and its values there."""
        log = occurrence.fact
        assert isinstance(log, LogUnreadable), "only raw logs are read by a foreign ABI"
        reader = self._readers.get((occurrence.contract, log.topics[0])) if log.topics else None
        reason = "no event of the ABI has this first topic" if log.topics else "it is anonymous"
        if reader is not None:
            try:
                return reader.layout.table, reader.values(log.topics, log.data)
            except Unfit as fault:
                reason = str(fault)
        name = reader.layout.event if reader else None
        return RAW_LOGS.name, (name, [_hex(topic) for topic in log.topics], _hex(log.data), reason)


def _insert(cursor: duckdb.DuckDBPyConnection, schema: str, table: Table, rows: list[tuple[Any, ...]]) -> None:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, column.kind.arrow) for column, values in zip(table.columns, columns, strict=True)]
    cursor.register("incoming", pa.table(arrays, names=[column.name for column in table.columns]))
    try:
        cursor.execute(f"INSERT INTO {schema}.{quoted(table.name)} FROM incoming")
    finally:
        cursor.unregister("incoming")


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
