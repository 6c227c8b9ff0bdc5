"""How the SQL door behaves: one frozen struct. A value out of range is refused with its field named."""

from pathlib import Path

from msgspec import Struct

MIB = 1024 * 1024
MAY_BE_0 = frozenset({"quack_port", "niceness"})
ADDRESS_SPACE_MIB_MIN = 3072  # below this the Quack server hangs instead of failing


class SqlSettings(Struct, frozen=True):
    """What a query may take, and where the doors are. Defaults suit one machine."""

    enabled: bool = True
    quack: bool = True
    quack_host: str = "127.0.0.1"
    quack_port: int = 9494
    tokens: Path = Path(".tallystick/sql-tokens.json")
    database: Path | None = None
    """The replica's own DuckDB file; beside the explorer's where it is not named."""
    seconds_max: float = 5.0
    rows_max: int = 10_000
    answer_bytes_max: int = 32 * MIB
    text_bytes_max: int = 20_000
    memory_limit_mib: int = 512
    address_space_mib: int = 4096
    threads: int = 2
    queries_at_once: int = 4
    wait_s_max: float = 2.0
    cache_bytes_max: int = 64 * MIB
    niceness: int = 5

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, int | float) and not isinstance(value, bool) and name not in MAY_BE_0 and value <= 0:
                raise ValueError(f"{name} is {value}: it must be more than 0")
        if not 0 <= self.quack_port <= 65535:
            raise ValueError(f"quack_port is {self.quack_port}: a port is 0 (any free one) to 65535")
        if not 0 <= self.niceness <= 19:
            raise ValueError(f"niceness is {self.niceness}: give 0 (as everybody) to 19")
        if self.address_space_mib < ADDRESS_SPACE_MIB_MIN:
            raise ValueError(
                f"address_space_mib is {self.address_space_mib}: it must be {ADDRESS_SPACE_MIB_MIN} or more"
            )
