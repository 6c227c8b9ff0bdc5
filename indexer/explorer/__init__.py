"""The explorer: ledger and tip come in, rows that others may ask for go out. The API reads through this page alone."""

from .changes import Changed, Changes
from .digest import Difference, Digest, TableDigest, digest_of_chain, digest_of_ledger
from .digests import BlockDigest, digest_at, digest_of_file
from .errors import (
    BadCursor,
    DatabaseDamaged,
    DatabaseFailed,
    DatabaseFull,
    DatabaseInUse,
    ExplorerError,
    LedgerBehind,
    OlderDatabase,
    OtherDatabase,
)
from .explorer import Explorer, holds, reached
from .filters import EventFilter, JobFilter, ModelFilter, NodeFilter, ReceiptFilter, TransactionFilter
from .listing import Page
from .moments import BadMoment, BeingFolded, BeyondHead, DroppedBlock, UnknownBlock
from .queries import Queries
from .rebuilding import Rebuilt, rebuild, upgrade
from .search import Hit, HitField, HitKind, Match
from .soundness import Gap, Soundness
from .touched import Touched

__all__ = [
    "BadCursor",
    "BadMoment",
    "BeingFolded",
    "BeyondHead",
    "BlockDigest",
    "Changed",
    "Changes",
    "DatabaseDamaged",
    "DatabaseFailed",
    "DatabaseFull",
    "DatabaseInUse",
    "Difference",
    "Digest",
    "DroppedBlock",
    "EventFilter",
    "Explorer",
    "ExplorerError",
    "Gap",
    "Hit",
    "HitField",
    "HitKind",
    "JobFilter",
    "LedgerBehind",
    "Match",
    "ModelFilter",
    "NodeFilter",
    "OlderDatabase",
    "OtherDatabase",
    "Page",
    "Queries",
    "Rebuilt",
    "ReceiptFilter",
    "Soundness",
    "TableDigest",
    "Touched",
    "TransactionFilter",
    "UnknownBlock",
    "digest_at",
    "digest_of_chain",
    "digest_of_file",
    "digest_of_ledger",
    "holds",
    "reached",
    "rebuild",
    "upgrade",
]
