"""What the service needs from the chain, said in its own words; whoever wires the house brings the real thing."""

from typing import Protocol, runtime_checkable

from msgspec import Struct

from api.service.refusals import Unready


class ChainUnready(Unready):
    """The chain's node does not answer, or not in time."""


class OrderRefused(Unready):
    """The chain refused the order's transaction, or nobody can pay for it."""

    remedy = "Read the reason; top up the gateway's account with `tallystick wallet top-up` if it ran dry."


class Order(Struct, frozen=True):
    """An order to be sent as a transaction; the relayer sends each `key` once, `value` is wei.

    With a `worker` it is reserved for that node, for `reserved_s` from when it is sent.
    """

    key: str
    prompt_cid: str
    model_id: str
    max_tokens: int
    value: int
    worker: bytes = b""
    reserved_s: int = 0


class Orders(Protocol):
    """Sends orders to the coordinator."""

    async def place(self, order: Order) -> int:
        """The job's number, once its transaction is mined. However often it is called with one key, before or after a
        restart, one transaction results. Raises ChainUnready, OrderRefused."""


class Books(Struct, frozen=True):
    """What the contracts themselves say of their money after one block, in wei; balances are the chain's."""

    open_escrow: int
    credit: int
    stakes: int
    coordinator_balance: int
    registry_balance: int


class IndexerFigures(Struct, frozen=True, kw_only=True):
    """How far the indexer is and what it has done since it started, but for incidents, which are of all its history.

    `head` is None until the chain's node has told of one. `seconds` says by stage how long each was busy, `busiest`
    which one held the others back of late, when `blocks_per_s` were indexed; `eta_s` is None where no end is in sight.
    """

    head: int | None
    indexed: int
    final: int
    lag_s: float
    eta_s: float | None
    blocks_per_s: float
    busiest: str
    seconds: dict[str, float]
    provider_errors: dict[str, int]
    requests: int
    retries: int
    blocks: int
    logs: int
    parked: int
    reorgs: int
    memory_bytes: int

    @property
    def lag_blocks(self) -> int:
        return 0 if self.head is None else max(0, self.head - self.indexed)


@runtime_checkable
class Indexing(Protocol):
    """What an operator may know of the indexer in this process."""

    def figures(self) -> IndexerFigures: ...


class BlockData(Struct, frozen=True):
    """A block as its node tells it: the RLP of its header, and of each receipt as EIP-2718 has it, in order."""

    number: int
    hash: bytes
    header: bytes
    receipts: tuple[bytes, ...]


@runtime_checkable
class ChainReader(Protocol):
    """Reads the chain's own word, where the index is not enough. Every method raises ChainUnready."""

    async def head(self) -> int:
        """The number of the node's newest block."""

    async def gas_price(self) -> int:
        """Wei per gas that a transaction costs now."""

    async def block(self, block_hash: bytes) -> BlockData:
        """One block with all its receipts."""

    async def books(self, block_hash: bytes) -> Books:
        """The contracts' figures after that block."""
