"""A result as bytes: what DuckDB found comes in, JSON, CSV or an Arrow stream goes out, cut at the limits."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
from msgspec import Struct

from api.rendering import iso_of_s
from api.sql.wire import Format, Standing

PIECE_ROWS = 2048
AS_TEXT = frozenset({"hugeint", "uhugeint", "ubigint", "bignum"})
"""Integers that a reader of JSON would round."""

Step = Callable[[Any], Any]


class TooBig(Exception):
    """The answer has more bytes than one may have."""


class Limits(Struct, frozen=True):
    rows_max: int
    bytes_max: int


class Rendered(Struct, frozen=True):
    body: bytes
    rows: int
    is_cut: bool


class HeadOut(Struct, frozen=True):
    number: int
    hash: str | None
    at: str | None
    final: int
    final_hash: str


class ColumnOut(Struct, frozen=True):
    name: str
    type: str


class TableOut(Struct, frozen=True):
    """The JSON of an answer."""

    columns: list[ColumnOut]
    rows: list[Any]
    row_count: int
    truncated: bool
    row_limit: int
    head: HeadOut


def render(found: duckdb.DuckDBPyConnection, form: Format, limits: Limits, standing: Standing) -> Rendered:
    """Reads at most one row more than may be shown. Raises TooBig."""
    if form is Format.ARROW:
        return _arrow(found, limits)
    columns = found.description or []
    rows, is_cut = _fetch(found, limits)
    steps = [(i, step) for i, column in enumerate(columns) if (step := _step(column[1]))]
    shown = [_stepped(row, steps) for row in rows] if steps else rows
    body = _csv(columns, shown) if form is Format.CSV else _json(columns, shown, is_cut, limits, standing)
    if len(body) > limits.bytes_max:
        raise TooBig
    return Rendered(body, len(rows), is_cut)


def _fetch(found: duckdb.DuckDBPyConnection, limits: Limits) -> tuple[list[Any], bool]:
    """In pieces, so that wide rows are noticed before they fill the memory."""
    rows: list[Any] = []
    size = 0
    while len(rows) <= limits.rows_max:
        piece = found.fetchmany(min(PIECE_ROWS, limits.rows_max + 1 - len(rows)))
        if not piece:
            return rows, False
        rows += piece
        size += sum(len(value) for row in piece for value in row if isinstance(value, str | bytes))
        if size > limits.bytes_max:
            raise TooBig
    return rows[: limits.rows_max], True


def _stepped(row: Sequence[Any], steps: list[tuple[int, Step]]) -> list[Any]:
    values = list(row)
    for i, step in steps:
        if values[i] is not None:
            values[i] = step(values[i])
    return values


def _step(kind: Any) -> Step | None:
    """How values of a type become what JSON has; None where they are that already."""
    if kind.id in AS_TEXT:
        return str
    if kind.id in ("blob", "geometry"):
        return lambda value: "0x" + bytes(value).hex()
    if kind.id in ("list", "array"):
        inner = _step(dict(kind.children)["child"])
        return (lambda values: [None if v is None else inner(v) for v in values]) if inner else None
    if kind.id == "struct":
        steps = {name: step for name, child in kind.children if (step := _step(child))}
        return (lambda value: _stepped_fields(value, steps)) if steps else None
    if kind.id in ("map", "union", "variant"):
        return _plain
    return None


def _stepped_fields(value: dict[str, Any], steps: dict[str, Step]) -> dict[str, Any]:
    return {name: steps[name](each) if name in steps and each is not None else each for name, each in value.items()}


def _plain(value: Any) -> Any:
    """A value whose parts tell of no type: large integers become text by their size."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, int) and abs(value) >= 1 << 53 else value


def _json(columns: Sequence[Any], rows: list[Any], is_cut: bool, limits: Limits, standing: Standing) -> bytes:
    at = iso_of_s(standing.head_at) if standing.head_at else None
    head = HeadOut(standing.head, standing.head_hash or None, at, standing.final, standing.final_hash)
    named = [ColumnOut(column[0], str(column[1])) for column in columns]
    return _encode(TableOut(named, rows, len(rows), is_cut, limits.rows_max, head))


_encode: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=str).encode


def _csv(columns: Sequence[Any], rows: list[Any]) -> bytes:
    """Lists and structs as JSON; a cell that a spreadsheet would take for a formula stays what it is: it is data."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(column[0] for column in columns)
    writer.writerows(map(_cell, row) for row in rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def _cell(value: Any) -> Any:
    if isinstance(value, str | int | float) or value is None:
        return str(value).lower() if isinstance(value, bool) else value
    text = _encode(value).decode()
    return text[1:-1] if text.startswith('"') else text


def _arrow(found: duckdb.DuckDBPyConnection, limits: Limits) -> Rendered:
    reader = found.to_arrow_reader(PIECE_ROWS)
    sink, rows, is_cut = io.BytesIO(), 0, False
    with pa.ipc.new_stream(sink, reader.schema) as stream:
        for batch, is_last in _batches(reader, limits.rows_max):
            stream.write_batch(batch)
            rows, is_cut = rows + batch.num_rows, is_last
            if sink.tell() > limits.bytes_max:
                raise TooBig
    return Rendered(sink.getvalue(), rows, is_cut)


def _batches(reader: Any, rows_max: int) -> Iterator[tuple[Any, bool]]:
    """Each with whether there was more than may be shown."""
    left = rows_max
    for batch in reader:
        if batch.num_rows > left:
            yield batch.slice(0, left), True
            return
        left -= batch.num_rows
        yield batch, False
