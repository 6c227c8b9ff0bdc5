"""The rules: one pure function an aggregate, and the only place that knows them."""

from .blocks import fold_block
from .books import KEYS, Books, Key, Totals
from .moment import Moment, Unfoldable, hexed
from .offchain import OffchainFact, row_of
from .touching import Keys, touched_jobs, touched_parties

__all__ = [
    "KEYS",
    "Books",
    "Key",
    "Keys",
    "Moment",
    "OffchainFact",
    "Totals",
    "Unfoldable",
    "fold_block",
    "hexed",
    "row_of",
    "touched_jobs",
    "touched_parties",
]
