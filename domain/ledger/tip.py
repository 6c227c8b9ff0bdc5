"""The unfinal end of the chain: blocks come in at the head, final ones leave for the ledger at the bottom.

Both live in one database, so that a block leaves the tip and enters the ledger in one transaction. Who reads both
reads `snapshot` first and the ledger after: a block may then be seen twice, never missed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    MetaData,
    Table,
    delete,
    insert,
    select,
    update,
)

from domain.facts import BlockFinalised
from domain.faultpoints import reach

from . import streams
from .errors import LedgerError
from .ledger import Ledger
from .mapper import Recorded

Block = BlockFinalised
"""A block on its way: the very fact that the ledger gets if it becomes final."""

schema = MetaData()
tip_blocks = Table(
    "tip_blocks",
    schema,
    Column("chain_id", BigInteger(), primary_key=True, autoincrement=False),
    Column("number", BigInteger(), primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(), nullable=False),
    Column("state", LargeBinary(), nullable=False),
)
chain_positions = Table(
    "chain_positions",
    schema,
    Column("chain_id", BigInteger(), primary_key=True, autoincrement=False),
    Column("number", BigInteger()),
    Column("hash", LargeBinary()),
    Column("version", BigInteger(), nullable=False),
)
_blocks = tip_blocks.c
_row = chain_positions.c


class TipBroken(LedgerError):
    """A block does not follow the one before it, or what is to become final is not in the tip."""


class Position(Struct, frozen=True):
    """A block by height and hash."""

    number: int
    hash: bytes


class Snapshot(Struct, frozen=True):
    """The tip at one moment. `final` is how far the chain was read for good, None before the first block."""

    version: int
    final: Position | None
    blocks: tuple[Block, ...]

    @property
    def head(self) -> Position | None:
        return Position(self.blocks[-1].number, self.blocks[-1].hash) if self.blocks else self.final


class Tip:
    """Every change is one transaction that holds this chain's row, so two indexers of a chain take turns."""

    def __init__(self, ledger: Ledger, chain_id: int) -> None:
        self.chain_id = chain_id
        self._ledger = ledger
        self._database = ledger.database
        self._database.create(schema)
        self._mine = _row.chain_id == chain_id
        self._enter()

    def version(self) -> int:
        """Grows with every change, so that readers learn cheaply whether to look again."""
        with self._database.reading() as connection:
            return int(connection.execute(select(_row.version).where(self._mine)).scalar_one())

    def position(self) -> Position | None:
        """How far the chain was read for good, through blocks without anything of ours too."""
        with self._database.reading() as connection:
            return self._final(connection)

    def head(self) -> Position | None:
        """The newest block known, final or not."""
        with self._database.reading() as connection:
            return self._head(connection)

    def blocks(self) -> list[Block]:
        """The unfinal blocks, oldest first."""
        with self._database.reading() as connection:
            return self._read(connection)

    def snapshot(self) -> Snapshot:
        with self._database.reading() as connection:
            version = int(connection.execute(select(_row.version).where(self._mine)).scalar_one())
            return Snapshot(version, self._final(connection), tuple(self._read(connection)))

    def extend(self, *blocks: Block) -> None:
        """Puts the next blocks on the head, all or none. Raises TipBroken for another parent, or a gap before one."""
        with self._changing() as connection:
            head = self._head(connection)
            for block in blocks:
                if head is not None and (block.number, block.parent) != (head.number + 1, head.hash):
                    raise TipBroken(
                        f"chain {self.chain_id}: block {block.number} with parent 0x{block.parent.hex()} does not "
                        f"follow block {head.number} 0x{head.hash.hex()}: fetch what lies between, or drop what was "
                        "reorganised"
                    )
                state = self._ledger.mapper.encode(block)
                row = {"chain_id": self.chain_id, "number": block.number, "hash": block.hash, "state": state}
                connection.execute(insert(tip_blocks), row)
                head = Position(block.number, block.hash)
                reach("tip.extended")

    def drop_from(self, number: int) -> list[Block]:
        """Takes back the blocks from height `number` on, which the chain reorganised away. Final ones stay."""
        with self._changing() as connection:
            return self._take(connection, _blocks.number >= number)

    def finalise(self, upto: int) -> list[Block]:
        """Moves the blocks up to height `upto` out of the tip; the ledger gets those that touch us."""
        with self._changing() as connection:
            head = self._head(connection)
            if head is None or upto > head.number:
                raise TipBroken(
                    f"chain {self.chain_id}: block {upto} can not become final, the tip ends with block "
                    f"{head.number if head else None}: extend it first"
                )
            final = self._take(connection, _blocks.number <= upto)
            reach("tip.taken")
            if final:
                self._settle(connection, final, Position(final[-1].number, final[-1].hash))
            return final

    def advance(self, blocks: Sequence[Block], to: Position) -> list[tuple[int, Recorded]]:
        """Records blocks that were final when they were read, and how far was read, without passing through the tip.

        Returns what the ledger took, with the positions.
        """
        with self._changing() as connection:
            head = self._head(connection)
            first = blocks[0].number if blocks else to.number
            if head is not None and (first <= head.number or head != self._final(connection)):
                raise TipBroken(
                    f"chain {self.chain_id}: blocks {first} to {to.number} do not lie beyond an empty tip, which ends "
                    f"with block {head.number}: read its position again"
                )
            return self._settle(connection, blocks, to)

    def _enter(self) -> None:
        with self._database.writing() as connection:
            if not connection.execute(select(_row.version).where(self._mine)).first():
                connection.execute(insert(chain_positions), {"chain_id": self.chain_id, "version": 0})

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """A transaction that waits until no other writer holds this chain, and counts the change it makes."""
        with self._database.writing() as connection:
            connection.execute(update(chain_positions).where(self._mine).values(version=_row.version + 1))
            yield connection

    def _settle(
        self, connection: Connection, blocks: Sequence[Block], position: Position
    ) -> list[tuple[int, Recorded]]:
        stream = streams.chain(self.chain_id)
        ours = [Recorded(stream, block.number, block) for block in blocks if block.transactions or block.occurrences]
        last = self._ledger.append(connection, *ours) if ours else 0
        values = {"number": position.number, "hash": position.hash}
        connection.execute(update(chain_positions).where(self._mine).values(values))
        reach("tip.settled")
        return list(enumerate(ours, last - len(ours) + 1))

    def _take(self, connection: Connection, which: ColumnElement[bool]) -> list[Block]:
        taken = self._read(connection, which)
        connection.execute(delete(tip_blocks).where(_blocks.chain_id == self.chain_id, which))
        return taken

    def _read(self, connection: Connection, which: ColumnElement[bool] | None = None) -> list[Block]:
        query = select(_blocks.state).where(_blocks.chain_id == self.chain_id).order_by(_blocks.number)
        states = connection.scalars(query if which is None else query.where(which))
        return [self._ledger.mapper.decode(state) for state in states]  # type: ignore[misc]

    def _final(self, connection: Connection) -> Position | None:
        number, hash_ = connection.execute(select(_row.number, _row.hash).where(self._mine)).one()
        return None if number is None else Position(number, hash_)

    def _head(self, connection: Connection) -> Position | None:
        mine = select(_blocks.number, _blocks.hash).where(_blocks.chain_id == self.chain_id)
        newest = connection.execute(mine.order_by(_blocks.number.desc()).limit(1)).first()
        return Position(newest[0], newest[1]) if newest else self._final(connection)
