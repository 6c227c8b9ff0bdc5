"""Endpoints, deliveries and how far the index was told of: tables of the ledger's database, in short transactions."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from api.webhooks.records import FINISHED_KEPT, Attempt, Delivery, DeliveryState, Endpoint, Told
from domain.ledger import Ledger

schema = MetaData()
rowid = BigInteger().with_variant(Integer(), "sqlite")
_endpoints = Table(
    "webhook_endpoints",
    schema,
    Column("id", Text(), primary_key=True),
    Column("chain_id", BigInteger(), nullable=False),
    Column("state", LargeBinary(), nullable=False),
)
_deliveries = Table(
    "webhook_deliveries",
    schema,
    Column("number", rowid, primary_key=True, autoincrement=True),
    Column("id", Text(), nullable=False, unique=True),
    Column("endpoint", Text(), nullable=False),
    Column("type", Text(), nullable=False),
    Column("body", LargeBinary(), nullable=False),
    Column("state", Text(), nullable=False),
    Column("created_at", BigInteger(), nullable=False),
    Column("next_at", BigInteger(), nullable=False),
    Column("attempts", LargeBinary(), nullable=False),
    Column("failures", Integer(), nullable=False),
)
Index("webhook_deliveries_queue", _deliveries.c.endpoint, _deliveries.c.state, _deliveries.c.number)
_cursors = Table(
    "webhook_cursors",
    schema,
    Column("chain_id", BigInteger(), primary_key=True, autoincrement=False),
    Column("state", LargeBinary(), nullable=False),
    Column("is_set", Boolean(), nullable=False),
)
_d = _deliveries.c

NO_ATTEMPTS = msgspec.json.encode(())
_encode = msgspec.msgpack.Encoder().encode


class Store:
    """One chain's webhooks."""

    def __init__(self, ledger: Ledger, chain_id: int) -> None:
        self.database, self._chain_id = ledger.database, chain_id

    def prepare(self) -> None:
        """Makes the tables where there are none."""
        self.database.create(schema)

    def endpoints(self) -> list[Endpoint]:
        """Oldest first."""
        query = select(_endpoints.c.state).where(_endpoints.c.chain_id == self._chain_id)
        with self.database.reading() as connection:
            found = [msgspec.msgpack.decode(state, type=Endpoint) for state in connection.scalars(query)]
        return sorted(found, key=lambda endpoint: (endpoint.created_at, endpoint.id))

    def endpoint(self, endpoint_id: str) -> Endpoint | None:
        return next((each for each in self.endpoints() if each.id == endpoint_id), None)

    def add(self, endpoint: Endpoint) -> None:
        row = {"id": endpoint.id, "chain_id": self._chain_id, "state": _encode(endpoint)}
        with self.database.writing() as connection:
            connection.execute(insert(_endpoints), row)

    def change(self, endpoint_id: str, **changes: Any) -> Endpoint | None:
        """The endpoint as it is then; None if there is none."""
        with self.database.writing() as connection:
            return _changed(connection, endpoint_id, changes)

    def remove(self, endpoint_id: str) -> bool:
        """With all that was and is to be delivered to it."""
        with self.database.writing() as connection:
            connection.execute(delete(_deliveries).where(_d.endpoint == endpoint_id))
            gone = connection.execute(delete(_endpoints).where(_endpoints.c.id == endpoint_id))
            return bool(gone.rowcount)

    def cursor(self, kind: type[Struct]) -> Any:
        query = select(_cursors.c.state).where(_cursors.c.chain_id == self._chain_id)
        with self.database.reading() as connection:
            state = connection.scalar(query)
        return None if state is None else msgspec.msgpack.decode(state, type=kind)

    def tell(self, told: Sequence[Told], cursor: Struct | None) -> None:
        """What is to be delivered, and up to where the index was told of with that: both or neither."""
        rows = [
            {"id": each.id, "endpoint": each.endpoint, "type": each.type, "body": each.body, "state": "waiting",
             "created_at": each.at, "next_at": each.at, "attempts": NO_ATTEMPTS, "failures": 0}
            for each in told
        ]  # fmt: skip
        with self.database.writing() as connection:
            if rows:
                connection.execute(insert(_deliveries), rows)
            if cursor is not None:
                connection.execute(delete(_cursors).where(_cursors.c.chain_id == self._chain_id))
                state = {"chain_id": self._chain_id, "state": _encode(cursor), "is_set": True}
                connection.execute(insert(_cursors), state)

    def waiting(self) -> dict[str, int]:
        """How many deliveries wait, by endpoint."""
        query = select(_d.endpoint, func.count()).where(_d.state == "waiting").group_by(_d.endpoint)
        with self.database.reading() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    def first_waiting(self, endpoint_id: str) -> Delivery | None:
        """The oldest: what is told of a row stays in order."""
        return next(iter(self.deliveries(endpoint_id, "waiting", 1, oldest_first=True)), None)

    def deliveries(
        self,
        endpoint_id: str,
        state: DeliveryState | None,
        limit: int,
        before: int | None = None,
        oldest_first: bool = False,
    ) -> list[Delivery]:
        query = select(*_deliveries.columns).where(_d.endpoint == endpoint_id)
        query = query if state is None else query.where(_d.state == state)
        query = query if before is None else query.where(_d.number < before)
        order = _d.number.asc() if oldest_first else _d.number.desc()
        with self.database.reading() as connection:
            return [_delivery(row) for row in connection.execute(query.order_by(order).limit(limit)).mappings()]

    def delivery(self, endpoint_id: str, delivery_id: str) -> Delivery | None:
        query = select(*_deliveries.columns).where(_d.endpoint == endpoint_id, _d.id == delivery_id)
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _delivery(row)

    def tried(self, delivery: Delivery, **endpoint_changes: Any) -> None:
        """The delivery as it is after an attempt, and what that means for its endpoint."""
        with self.database.writing() as connection:
            values = {
                "state": delivery.state,
                "next_at": delivery.next_at,
                "attempts": msgspec.json.encode(delivery.attempts),
                "failures": delivery.failures,
            }
            connection.execute(update(_deliveries).where(_d.number == delivery.number).values(values))
            if endpoint_changes:
                _changed(connection, delivery.endpoint, endpoint_changes)

    def bury(self, endpoint_id: str) -> None:
        """What waits is dead: nobody takes it."""
        with self.database.writing() as connection:
            where = (_d.endpoint == endpoint_id, _d.state == "waiting")
            connection.execute(update(_deliveries).where(*where).values(state="dead"))

    def revive(self, endpoint_id: str, at: int, delivery_id: str | None = None) -> int:
        """Dead deliveries, or the one named whatever became of it, wait again. Returns how many."""
        which = _d.state == "dead" if delivery_id is None else _d.id == delivery_id
        values = {"state": "waiting", "next_at": at, "failures": 0}
        with self.database.writing() as connection:
            done = connection.execute(update(_deliveries).where(_d.endpoint == endpoint_id, which).values(values))
            return int(done.rowcount)

    def forget_old(self) -> None:
        """Of what is finished, each endpoint keeps the newest."""
        for endpoint in self.endpoints():
            newest = select(_d.number).where(_d.endpoint == endpoint.id, _d.state != "waiting")
            with self.database.writing() as connection:
                least = connection.scalar(newest.order_by(_d.number.desc()).offset(FINISHED_KEPT).limit(1))
                if least is not None:
                    old = (_d.endpoint == endpoint.id, _d.state != "waiting", _d.number <= least)
                    connection.execute(delete(_deliveries).where(*old))


def _changed(connection: Connection, endpoint_id: str, changes: dict[str, Any]) -> Endpoint | None:
    here = _endpoints.c.id == endpoint_id
    state = connection.scalar(select(_endpoints.c.state).where(here))
    if state is None:
        return None
    endpoint = replace(msgspec.msgpack.decode(state, type=Endpoint), **changes)
    connection.execute(update(_endpoints).where(here).values(state=_encode(endpoint)))
    return endpoint


def _delivery(row: Any) -> Delivery:
    known = {str(name): value for name, value in row.items()}
    attempts = msgspec.json.decode(row["attempts"], type=tuple[Attempt, ...])
    return Delivery(**(known | {"body": bytes(row["body"]), "attempts": attempts}))
