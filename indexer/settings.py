"""The indexer's settings: one frozen struct, validated when it is made."""

from pathlib import Path

from msgspec import Struct

from chain import levels


class BadSetting(ValueError):
    """A setting is out of its range; the message names the field."""


class IndexerSettings(Struct, frozen=True):
    """`coordinator` narrows published receipts to one deployment ("" takes any of the chain).

    `batch_events` bounds one DuckDB transaction of a backfill, and with it the memory. `integrity_blocks` and
    `integrity_s` close a range of checked blocks, whichever comes first. For `history_blocks` below the head, the
    tables tell what they held after each block; what lies further back is folded again from the ledger when asked for.
    """

    database: Path
    chain_id: int
    coordinator: str = ""
    batch_events: int = 12_500
    memory_limit_mib: int = 128
    threads: int = 2
    integrity_blocks: int = 1_000
    integrity_s: float = 10.0
    history_blocks: int = 7_200
    level: str = "root"

    def __post_init__(self) -> None:
        for field, least in (
            ("chain_id", 1),
            ("batch_events", 1),
            ("memory_limit_mib", 64),
            ("threads", 1),
            ("integrity_blocks", 1),
            ("history_blocks", 1),
            ("integrity_s", 0),
        ):
            if getattr(self, field) < least:
                raise BadSetting(f"{field} is {getattr(self, field)}: set it to {least} or more")
        if self.coordinator and not (len(self.coordinator) == 42 and self.coordinator.startswith("0x")):
            raise BadSetting(f"coordinator is {self.coordinator!r}: give 0x and 40 hex digits, or nothing")
        try:
            levels.parse(self.level)
        except ValueError as fault:
            raise BadSetting(str(fault)) from None
