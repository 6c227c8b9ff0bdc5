"""The append-only store of facts, the unfinal tip beside it; the only place that knows the eventsourcing library."""

from . import streams
from .errors import (
    BadLedgerUrl,
    Conflict,
    LedgerBusy,
    LedgerDamaged,
    LedgerError,
    LedgerFull,
    LedgerReadOnly,
    LedgerUnreachable,
    UnreadableFact,
)
from .ledger import Ledger
from .mapper import Recorded
from .tip import Block, Position, Snapshot, Tip, TipBroken

__all__ = [
    "BadLedgerUrl",
    "Block",
    "Conflict",
    "Ledger",
    "LedgerBusy",
    "LedgerDamaged",
    "LedgerError",
    "LedgerFull",
    "LedgerReadOnly",
    "LedgerUnreachable",
    "Position",
    "Recorded",
    "Snapshot",
    "Tip",
    "TipBroken",
    "UnreadableFact",
    "streams",
]
