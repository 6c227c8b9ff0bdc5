"""Any contract's events as tables: ledger and tip come in, a table for each kind of event goes out."""

from .errors import BadAbi
from .events import Events
from .layout import Layout, layouts_of
from .queries import EventFilter, EventPage, EventQueries, FoundEvent, UnknownEvent

__all__ = [
    "BadAbi",
    "EventFilter",
    "EventPage",
    "EventQueries",
    "Events",
    "FoundEvent",
    "Layout",
    "UnknownEvent",
    "layouts_of",
]
