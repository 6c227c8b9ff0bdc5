"""The explorer: ledger and tip come in, rows that others may ask for go out. The API reads through this page alone."""

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
from .listing import Page
from .queries import (
    EventFilter,
    JobFilter,
    ModelFilter,
    NodeFilter,
    Queries,
    ReceiptFilter,
    TransactionFilter,
)
from .rebuilding import Rebuilt, rebuild, upgrade

__all__ = [
    "BadCursor",
    "BlockDigest",
    "DatabaseDamaged",
    "DatabaseFailed",
    "DatabaseFull",
    "DatabaseInUse",
    "Difference",
    "Digest",
    "EventFilter",
    "Explorer",
    "ExplorerError",
    "JobFilter",
    "LedgerBehind",
    "ModelFilter",
    "NodeFilter",
    "OlderDatabase",
    "OtherDatabase",
    "Page",
    "Queries",
    "Rebuilt",
    "ReceiptFilter",
    "TableDigest",
    "TransactionFilter",
    "digest_at",
    "digest_of_chain",
    "digest_of_file",
    "digest_of_ledger",
    "holds",
    "reached",
    "rebuild",
    "upgrade",
]
