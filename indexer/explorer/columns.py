"""How a field of a row lives in DuckDB: its type, and the way in (bound or Arrow) and out."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
from msgspec import Struct

from .rows import GpuRow, OfferRow, Row


class Shape(Struct, frozen=True):
    """`sql` is the column's type; `bound` and `shown` are expressions around a parameter and around the column.

    `packed` is how the column is compressed, where DuckDB would choose worse.

    `put` and `take`, where there are any, turn a field's value into what DuckDB's client takes, and back. A missing
    value never reaches `put`, and columns with a `take` have none.
    """

    sql: str
    arrow: pa.DataType
    bound: str = "?"
    shown: str = "{0}"
    put: Callable[[Any], Any] | None = None
    take: Callable[[Any], Any] | None = None
    packed: str = ""


def _as_dicts(rows: tuple[Row, ...]) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(row) for row in rows]


def _as_rows(kind: type[Row], found: list[dict[str, Any]]) -> tuple[Row, ...]:
    return tuple(kind(**values) for values in found)


_ZSTD = "USING COMPRESSION zstd"  # halves events' arguments and takes a fifth off CIDs
_WEI = pa.decimal128(38, 0)
_OFFER = pa.struct([("model_id", pa.string()), ("price_prompt_token", _WEI), ("price_completion_token", _WEI)])
_GPU = pa.struct(
    [
        ("name", pa.string()),
        ("uuid", pa.string()),
        ("utilisation_percent", pa.float64()),
        ("memory_used", pa.int64()),
        ("memory_total", pa.int64()),
        ("temperature_c", pa.float64()),
        ("power_w", pa.float64()),
    ]
)
_OFFER_SQL = "STRUCT(model_id VARCHAR, price_prompt_token HUGEINT, price_completion_token HUGEINT)[]"
_GPU_SQL = (
    'STRUCT("name" VARCHAR, "uuid" VARCHAR, utilisation_percent DOUBLE, memory_used BIGINT, memory_total BIGINT,'
    " temperature_c DOUBLE, power_w DOUBLE)[]"
)


class Kind(Enum):
    """Every kind of column there is."""

    TEXT = Shape("VARCHAR", pa.string())
    CID = Shape("VARCHAR", pa.string(), packed=_ZSTD)
    INTEGER = Shape("BIGINT", pa.int64())
    WEI = Shape("HUGEINT", _WEI)
    REAL = Shape("DOUBLE", pa.float64())
    FLAG = Shape("BOOLEAN", pa.bool_())
    SECONDS = Shape(
        "TIMESTAMPTZ",
        pa.timestamp("s", tz="UTC"),
        bound="make_timestamptz(?::BIGINT * 1000000)",
        shown="epoch_us({0}) // 1000000",
    )
    MILLISECONDS = Shape(
        "TIMESTAMPTZ",
        pa.timestamp("ms", tz="UTC"),
        bound="make_timestamptz(?::BIGINT * 1000)",
        shown="epoch_us({0}) // 1000",
    )
    JSON = Shape("JSON", pa.string(), packed=_ZSTD)
    TEXTS = Shape("VARCHAR[]", pa.list_(pa.string()), put=list, take=tuple)
    OFFERS = Shape(
        _OFFER_SQL, pa.list_(_OFFER), put=_as_dicts, take=lambda rows: tuple(OfferRow(**row) for row in rows)
    )
    GPUS = Shape(_GPU_SQL, pa.list_(_GPU), put=_as_dicts, take=lambda rows: tuple(GpuRow(**row) for row in rows))


class Column(Struct, frozen=True):
    name: str
    kind: Kind
    comment: str
