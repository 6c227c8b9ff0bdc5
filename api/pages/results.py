"""The answer to a query as people read it: cells with links to what they name, and the chart that its columns make."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from api.pages.plots import Named, Plot, Point, bar_plot, line_plot, time_bars
from api.pages.showing import spoken
from api.sql.formats import ColumnOut, TableOut

NUMBERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
     "FLOAT", "DOUBLE"}
)  # fmt: skip
TIMES = ("TIMESTAMP", "DATE")
MOMENT = "TIMESTAMP WITH TIME ZONE"
BARS_MAX, POINTS_MAX = 60, 500
ADDRESS = re.compile("0x[0-9a-f]{40}")
HASH = re.compile("0x[0-9a-f]{64}")
NUMBERED = {"job_id": "/jobs/{}", "block": "/blocks/{}", "number": "/blocks/{}"}


class Cell(Struct, frozen=True):
    """`link` is where what the cell names is shown, if it names anything."""

    text: str
    link: str = ""
    is_number: bool = False
    is_missing: bool = False


class Result(Struct, frozen=True):
    table: TableOut
    rows: tuple[tuple[Cell, ...], ...]
    ms: float


def result_of(table: TableOut, ms: float) -> Result:
    rows = tuple(
        tuple(_cell(column, value) for column, value in zip(table.columns, row, strict=True)) for row in table.rows
    )
    return Result(table, rows, ms)


def chart_of(result: Result) -> Plot | None:
    """The last column of numbers over the first column, if there are such and enough rows."""
    columns, rows = result.table.columns, result.table.rows
    measured = [i for i, column in enumerate(columns) if i and is_number(column)]
    if not measured or not 2 <= len(rows) <= POINTS_MAX:
        return None
    drawn = measured[0]
    title = f"{columns[drawn].name} by {columns[0].name}"
    if columns[0].type.startswith(TIMES):
        points = [point for row in rows if (point := _point(row, drawn))]
        draw: Callable[..., Plot] = time_bars if len(points) <= BARS_MAX else line_plot
        return draw(title, "", sorted(points))
    named: Sequence[Named] = [(str(row[0]), float(row[drawn])) for row in rows if row[drawn] is not None]
    return bar_plot(title, "", named) if 2 <= len(named) <= BARS_MAX else None


def is_number(column: ColumnOut) -> bool:
    return column.type in NUMBERS or column.type.startswith("DECIMAL")


def _point(row: Sequence[Any], drawn: int) -> Point | None:
    if row[0] is None or row[drawn] is None:
        return None
    return datetime.fromisoformat(str(row[0])).timestamp(), float(row[drawn])


def _cell(column: ColumnOut, value: Any) -> Cell:
    if value is None:
        return Cell("", is_missing=True)
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if column.type == MOMENT:
        return Cell(spoken(text))
    return Cell(text, _link(column.name, text), is_number(column))


def _link(name: str, text: str) -> str:
    if name in NUMBERED and text.isdecimal():
        return NUMBERED[name].format(text)
    if ADDRESS.fullmatch(text):
        return f"/address/{text}"
    if HASH.fullmatch(text):
        return f"/tx/{text}" if "tx" in name else f"/search?q={text}"
    return ""
