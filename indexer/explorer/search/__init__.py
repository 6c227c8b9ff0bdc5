"""One box over everything: a text comes in, what it may name goes out, typed and ranked."""

from .finding import search
from .hits import Hit, HitField, HitKind, Match
from .lookup import blocks_of
from .names import Names

__all__ = ["Hit", "HitField", "HitKind", "Match", "Names", "blocks_of", "search"]
