"""The ledger's settings: where facts are kept, and how long a writer waits for its turn."""

from msgspec import Struct


class DomainSettings(Struct, frozen=True):
    """`ledger_url` is a SQLAlchemy URL of an SQLite file or of PostgreSQL."""

    ledger_url: str = "sqlite:///.tallystick/ledger.db"
    busy_timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if "://" not in self.ledger_url:
            raise ValueError(
                f"ledger_url {self.ledger_url!r} is no URL: write sqlite:///FILE or postgresql://HOST/NAME"
            )
        if not 0 < self.busy_timeout_s <= 600:
            raise ValueError(f"busy_timeout_s {self.busy_timeout_s} is out of range: choose more than 0, at most 600")
