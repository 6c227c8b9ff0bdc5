"""The indexer's settings: one frozen struct, validated when it is made."""

from pathlib import Path

from msgspec import Struct

DATABASE = Path(".tallystick/explorer.duckdb")


class BadSetting(ValueError):
    """A setting is out of its range; the message names the field."""


class IndexerSettings(Struct, frozen=True):
    """`batch_events` bounds one DuckDB transaction of a backfill, and with it the memory.

    `integrity_blocks` and `integrity_s` close a range of checked blocks, whichever comes first. For `history_blocks`
    below the head, the tables tell what they held after each block; what lies further back is folded again from the
    ledger when asked for.
    """

    database: Path = DATABASE
    batch_events: int = 12_500
    memory_limit_mib: int = 128
    threads: int = 2
    integrity_blocks: int = 1_000
    integrity_s: float = 10.0
    history_blocks: int = 7_200

    def __post_init__(self) -> None:
        for field, least in (
            ("batch_events", 1),
            ("memory_limit_mib", 64),
            ("threads", 1),
            ("integrity_blocks", 1),
            ("history_blocks", 1),
            ("integrity_s", 0),
        ):
            if getattr(self, field) < least:
                raise BadSetting(f"{field} is {getattr(self, field)}: set it to {least} or more")
