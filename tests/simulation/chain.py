"""Transactions come in, a tree of blocks comes out: one branch stands, others stood, and none forks below finality."""

import random
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from domain.facts import VerifierAdded
from receipts.deployment import Deployment
from tests.simulation import coordinator
from tests.simulation.blocks import Outcome, Sealed, Transaction, seal
from tests.simulation.coordinator import Books, Refused
from tests.simulation.logs import Log, Scribe
from tests.simulation.oracle import Oracle, Tables

GENESIS_S = 1_700_000_000
BLOCK_TRANSACTIONS_MAX = 6
STRANGER = b"\x57" * 20
TRANSFER = Log(STRANGER, (b"\xdd" * 32, b"\x01" * 32), b"\x07" * 40)


class Block(Struct, frozen=True, eq=False):
    """A block in the tree, with the contracts' storage and every table as they stand after it."""

    sealed: Sealed
    parent: "Block | None"
    books: Books
    tables: Tables

    @property
    def number(self) -> int:
        return self.sealed.number

    @property
    def hash(self) -> bytes:
        return self.sealed.hash

    def ancestor(self, number: int) -> "Block | None":
        block: Block | None = self
        while block is not None and block.number > number:
            block = block.parent
        return block

    def lineage(self) -> Iterator["Block"]:
        """This block and all before it, newest first."""
        block: Block | None = self
        while block is not None:
            yield block
            block = block.parent


class Chain:
    """`floor` is the newest final block's number: what stands up to there stands for ever, as does what the contracts
    stand on."""

    def __init__(
        self,
        deployment: Deployment,
        chance: random.Random,
        depth: int,
        first_block: int = 1,
        *,
        sees_silent: bool = True,
    ) -> None:
        self.chance = chance
        self.depth = depth
        self.pool: list[Transaction] = []
        self.floor = max(0, first_block - 1)
        self.highest = 0
        self.reorgs = 0
        self._fork_fields = chance.choice((0, 1, 2, 4, 5, 6))
        self._scribe = Scribe(deployment)
        self._oracle = Oracle(deployment, sees_silent)
        self._siblings = 0
        genesis = self._sealed(None, GENESIS_S, ())
        self.head = Block(genesis, None, Books(), self._oracle.after(None, genesis))
        self.blocks = {genesis.hash: self.head}
        self.deployment = replace(deployment, genesis_hash="0x" + genesis.hash.hex(), block=first_block)
        self.coordinator = deployment.coordinator
        self.addresses = {name: deployment.address(name) for name in deployment.contracts}

    @property
    def now(self) -> int:
        return self.head.sealed.timestamp

    @property
    def first(self) -> int:
        """The first block that matters."""
        return self.deployment.block

    @property
    def final(self) -> Block:
        block = self.head.ancestor(self.floor)
        assert block is not None
        return block

    def mine(self, seconds: int, most: int = BLOCK_TRANSACTIONS_MAX) -> Block:
        """The next block on the head, of as many waiting transactions as fit."""
        self.head = self._extend(self.head, self.head.sealed.timestamp + seconds, most)
        self._settle()
        return self.head

    def reorganise(self, depth: int, length: int, *, keeps: float, most: int = BLOCK_TRANSACTIONS_MAX) -> list[Block]:
        """Replaces the newest `depth` blocks by `length` others; what they held waits again, or is gone for good."""
        ancestor = self.head.ancestor(self.head.number - depth)
        assert ancestor is not None
        dropped = [block for block in self.head.lineage() if block.number > ancestor.number]
        for block in reversed(dropped):
            back = [each.transaction for each in block.sealed.outcomes if each.transaction.action]
            self.pool += [each for each in back if self.chance.random() < keeps]
        self.head = ancestor
        for _ in range(length):
            self.head = self._extend(self.head, self.head.sealed.timestamp + self.chance.randint(1, 12), most)
        self.reorgs += 1
        self._settle()
        return dropped

    def depth_max(self) -> int:
        """How deep a reorg may go."""
        return max(0, self.head.number - self.floor)

    def _settle(self) -> None:
        """What `depth` blocks were ever stacked upon stays, even when the head went back since."""
        self.highest = max(self.highest, self.head.number)
        self.floor = max(self.floor, self.highest - self.depth)

    def _extend(self, parent: Block, timestamp: int, most: int) -> Block:
        books = parent.books.copy()
        chosen, self.pool = self.pool[:most], self.pool[most:]
        outcomes = [self._execute(books, timestamp, each) for each in chosen]
        if parent.number + 1 == max(1, self.deployment.block):
            verifier = self._scribe.write(coordinator.COORDINATOR, VerifierAdded(1, b"\xc3" * 20, b"\x01" * 32))
            outcomes.insert(0, Outcome(self._foreign(), (verifier,), True))
        for _ in range(self.chance.choice((0, 0, 0, 1, 2))):
            logs = (TRANSFER,) * self.chance.randint(0, 2)
            outcomes.insert(self.chance.randint(0, len(outcomes)), Outcome(self._foreign(), logs, True, kind=0))
        sealed = self._sealed(parent.sealed, timestamp, outcomes)
        block = Block(sealed, parent, books, self._oracle.after(parent.tables, sealed))
        self.blocks[block.hash] = block
        return block

    def _execute(self, books: Books, now: int, transaction: Transaction) -> Outcome:
        rule = getattr(coordinator, transaction.action or "")
        try:
            logged = list(rule(books, now, transaction.sender, transaction.value, *transaction.arguments))
        except Refused:
            return Outcome(transaction, (), False)
        logs = tuple(self._scribe.write(contract, fact) for contract, fact in logged)
        # A contract of somebody else may speak in between, as a token does that is moved by ours.
        mixed = (TRANSFER, *logs) if self.chance.random() < 0.1 else logs
        return Outcome(transaction, mixed, True, kind=self.chance.choice((0, 1, 2, 3, 4)))

    def _foreign(self) -> Transaction:
        return Transaction(self.chance.randbytes(32), STRANGER, STRANGER, self.chance.randint(0, 9))

    def _sealed(self, parent: Sealed | None, timestamp: int, outcomes: Sequence[Outcome]) -> Sealed:
        self._siblings += 1
        number, digest = (parent.number + 1, parent.hash) if parent else (0, bytes(32))
        return seal(number, digest, timestamp, outcomes, self._siblings, self._fork_fields)
