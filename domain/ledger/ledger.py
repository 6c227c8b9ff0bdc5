"""The append-only record: facts come in at their places, all or none, and are read back by stream or by position."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from domain.facts import AnyFact

from .database import Database
from .mapper import UPCASTS, FactMapper, Recorded, Upcast
from .recorder import CoreRecorder

BUSY_TIMEOUT_S = 10.0


class Ledger:
    """Safe to use from many threads at once and, by URL, from many processes. Stored facts are never rewritten."""

    def __init__(
        self,
        url: str,
        kinds: Any = AnyFact,
        *,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        upcasts: Mapping[str, Upcast] = UPCASTS,
    ) -> None:
        self.database = Database(url, busy_timeout_s)
        self.mapper = FactMapper(kinds, upcasts)
        self._recorder = CoreRecorder(self.database)

    def record(self, *facts: Recorded) -> int:
        """All or none. Returns the position of the last; raises Conflict."""
        if not facts:
            return self.position()
        with self.database.writing() as connection:
            return self.append(connection, *facts)

    def append(self, connection: Connection, *facts: Recorded) -> int:
        """The same within a transaction of `self.database`, so that other rows may commit with the facts."""
        return self._recorder.append(connection, [self.mapper.to_stored_event(fact) for fact in facts])[-1]

    def stream(self, name: str, after: int = -1, limit: int | None = None) -> list[Recorded]:
        """The facts of one stream whose version is above `after`, oldest first, at most `limit` of them."""
        events = self._recorder.select_events(name, gt=after, limit=limit)
        return [self.mapper.to_domain_event(event) for event in events]

    def newest(self, name: str) -> Recorded | None:
        events = self._recorder.select_events(name, desc=True, limit=1)
        return self.mapper.to_domain_event(events[0]) if events else None

    def after(self, position: int, limit: int) -> list[tuple[int, Recorded]]:
        """At most `limit` facts recorded after `position`, with their own positions, in the order of commits."""
        rows = self._recorder.select_notifications(position, limit, inclusive_of_start=False)
        return [(row.id, self.mapper.to_domain_event(row)) for row in rows]

    def position(self) -> int:
        """The position of the newest fact; 0 when there is none."""
        return self._recorder.max_notification_id() or 0

    def close(self) -> None:
        self.database.close()
