"""The rules: one function an aggregate, and the only place that knows them."""

from .blocks import Poison, fold_block
from .books import KEYS, Books, Key, Superseded
from .moment import Moment, Unfoldable, hexed
from .offchain import OffchainFact, row_of
from .totals import Totals
from .touching import Keys, touched

__all__ = [
    "KEYS",
    "Books",
    "Key",
    "Keys",
    "Moment",
    "OffchainFact",
    "Poison",
    "Superseded",
    "Totals",
    "Unfoldable",
    "fold_block",
    "hexed",
    "row_of",
    "touched",
]
