"""Stored events to rows of one table and back: the eventsourcing library's waist in bulk statements."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, ListenNotifySubscription, Notification, StoredEvent
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from domain.faultpoints import reach

from .database import Database
from .errors import Conflict

SUBSCRIPTION_POLL_S = 0.1

schema = MetaData()
rowid = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's own row id is spelt INTEGER
stored_events = Table(
    "stored_events",
    schema,
    Column("id", rowid, primary_key=True, autoincrement=False),
    Column("originator_id", Text(), nullable=False),
    Column("originator_version", BigInteger(), nullable=False),
    Column("topic", Text(), nullable=False),
    Column("state", LargeBinary(), nullable=False),
)
Index("stored_events_stream", stored_events.c.originator_id, stored_events.c.originator_version, unique=True)
_c = stored_events.c
_EVENT = (_c.originator_id, _c.originator_version, _c.topic, _c.state)


class CoreRecorder(ApplicationRecorder):
    """Positions are numbered without gaps, in the order of commits: whoever read up to one has read all before it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(schema)

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        if not stored_events:
            return None
        with self._database.writing() as connection:
            return list(self.append(connection, stored_events))

    def append(self, connection: Connection, events: Sequence[StoredEvent]) -> range:
        """Inserts within the caller's transaction, which a Conflict must end. Returns the positions given."""
        if not self._database.is_sqlite:
            connection.execute(text("LOCK TABLE stored_events IN EXCLUSIVE MODE"))
        first = (connection.scalar(select(func.max(_c.id))) or 0) + 1
        rows = [
            {"id": position, "originator_id": e.originator_id, "originator_version": e.originator_version,
             "topic": e.topic, "state": e.state}
            for position, e in enumerate(events, first)
        ]  # fmt: skip
        reach("ledger.inserting")
        try:
            connection.execute(insert(stored_events), rows)
        except IntegrityError:
            raise Conflict(events) from None
        return range(first, first + len(events))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        query = select(*_EVENT).where(_c.originator_id == str(originator_id))
        if gt is not None:
            query = query.where(_c.originator_version > gt)
        if lte is not None:
            query = query.where(_c.originator_version <= lte)
        query = query.order_by(_c.originator_version.desc() if desc else _c.originator_version).limit(limit)
        with self._database.reading() as connection:
            return [StoredEvent(*row) for row in connection.execute(query)]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        query = select(*_EVENT, _c.id).order_by(_c.id).limit(limit)
        if start is not None:
            query = query.where(_c.id >= start if inclusive_of_start else _c.id > start)
        if stop is not None:
            query = query.where(_c.id <= stop)
        if topics:
            query = query.where(_c.topic.in_(topics))
        with self._database.reading() as connection:
            return [Notification(*row) for row in connection.execute(query)]

    def max_notification_id(self) -> int | None:
        with self._database.reading() as connection:
            newest: int | None = connection.scalar(select(func.max(_c.id)))
            return newest

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "PollingSubscription":
        return PollingSubscription(self, gt, topics)


class PollingSubscription(ListenNotifySubscription[CoreRecorder]):
    """Asks at intervals, because a file has nobody who could notify."""

    def _loop_on_pull(self) -> None:
        try:
            while not self._has_been_stopped:
                self._pull()
                self._has_been_notified.wait(SUBSCRIPTION_POLL_S)
        except BaseException as fault:
            self._thread_error = self._thread_error or fault
            self.stop()
