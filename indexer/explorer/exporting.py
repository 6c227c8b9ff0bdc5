"""A list as a file: its rows and the form come in, DuckDB writes the file, and the head it was taken at goes out.

DuckDB writes row by row, so that a million rows take no more memory than a thousand. Nothing is rounded: wei are
DECIMAL(38, 0) in Parquet, and digits in text.
"""

from enum import StrEnum
from pathlib import Path

import duckdb

from .columns import Column, Kind
from .database import Database, escaped
from .filters import FINALITY, Where
from .listing import all_of, matching
from .ordering import Order, columns_of, sorted_by
from .progress import read_progress
from .rows import Head
from .table import Table
from .tables import OVERLAID

GROUP_ROWS = 16_384  # DuckDB holds several groups in memory, and has little of it
TIMES = "TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%gZ'"
OFFERS = "STRUCT(model_id VARCHAR, price_prompt_token {0}, price_completion_token {0})[]"


class Form(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


_OPTIONS = {
    Form.CSV: f"FORMAT csv, HEADER, {TIMES}",
    Form.NDJSON: f"FORMAT json, {TIMES}",
    Form.PARQUET: f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP_ROWS}",
}
_SHOWN: dict[tuple[Form, Kind], str] = {
    (Form.PARQUET, Kind.WEI): "{0}::DECIMAL(38, 0)",
    (Form.PARQUET, Kind.OFFERS): f"{{0}}::{OFFERS.format('DECIMAL(38, 0)')}",
    (Form.NDJSON, Kind.WEI): "{0}::VARCHAR",
    (Form.NDJSON, Kind.OFFERS): f"{{0}}::{OFFERS.format('VARCHAR')}",
    (Form.CSV, Kind.OFFERS): f"to_json({{0}}::{OFFERS.format('VARCHAR')})",
    (Form.CSV, Kind.TEXTS): "to_json({0})",
    (Form.CSV, Kind.GPUS): "to_json({0})",
}


def export(database: Database, table: Table, where: Where, order: Order | None, form: Form, to: Path) -> Head:
    """Writes the rows that fulfil `where`, in the order of the table unless another is given, as of one moment."""
    conditions, values = _conditions(table, where)
    with database.apart() as cursor:
        head = read_progress(cursor).head()
        rows = f"SELECT {', '.join(columns(table, form))} FROM main.{table.name}{all_of(conditions)}"
        if order:
            rows += f" ORDER BY {sorted_by(order)}"
        _copy(cursor, rows, list(values), form, head, to)
    return head


def columns(table: Table, form: Form) -> list[str]:
    shown = [_shown(column, form) for column in columns_of(table).values()]
    return [*shown, FINALITY] if table in OVERLAID else shown


def _shown(column: Column, form: Form) -> str:
    name = f'"{column.name}"'
    expression = _SHOWN.get((form, column.kind))
    return f"{expression.format(name)} AS {name}" if expression else name


def _conditions(table: Table, where: Where) -> tuple[list[str], list[int | str | bool]]:
    texts, values = matching(table, where)
    final = [bool(each.values[0]) for each in where if each.columns == (FINALITY,)]
    return [*texts, *(f"{FINALITY} = ?" for _ in final)], [*values, *final]


def _copy(
    cursor: duckdb.DuckDBPyConnection, rows: str, values: list[int | str | bool], form: Form, head: Head, to: Path
) -> None:
    options = _OPTIONS[form]
    if form is Form.PARQUET:
        options += f", KV_METADATA {{tally_head: '{head.number} {head.hash}', tally_final: '{head.final}'}}"
    cursor.execute(f"COPY ({rows}) TO '{escaped(to)}' ({options})", values)
