"""A chain in a few lines, at the ports where the API meets the real one: what it is asked becomes blocks of facts."""

import asyncio
import hashlib
import threading
import time
from typing import Any

from eth_account import Account
from msgspec.structs import replace

from api.service.ports import BlockData, Books, ChainUnready, IndexerFigures, Order, OrderRefused
from domain.facts import (
    BlockFinalised,
    ChainFact,
    JobCancelled,
    JobClaimed,
    JobCompleted,
    JobRequested,
    JobTermsFixed,
    LeaseExpired,
    ModelPriced,
    ModelRegistered,
    NodeRegistered,
    Occurrence,
    ReceiptAccepted,
    Transaction,
    Wei,
)
from domain.ledger import Tip
from indexer.explorer.explorer import Explorer

CHAIN_ID = 31337
COORDINATOR = bytes.fromhex("c0" * 20)
GATEWAY = bytes.fromhex("aa" * 20)
WORKER = bytes.fromhex("bb" * 20)
OTHER = bytes.fromhex("ee" * 20)
SIGNING_KEY = bytes.fromhex("11" * 32)
SIGNING = bytes.fromhex(Account.from_key(SIGNING_KEY).address[2:])  # the one worker here whose key is known
NOBODY = bytes(20)
MODEL = "smollm2-135m-instruct"
MODEL_CID = "QmModelModelModelModelModelModelModelModelMode"
PRICES = (10, 20)
GENESIS_S = 1_700_000_000


FIGURES = IndexerFigures(
    head=None,
    indexed=-1,
    final=-1,
    lag_s=0.0,
    eta_s=None,
    blocks_per_s=0.0,
    busiest="waiting",
    seconds={"waiting": 6.5, "fetching": 2.0, "checking": 1.0, "decoding": 0.5, "storing": 0.25},
    provider_errors={"timeout": 2, "429": 5},
    requests=80,
    retries=3,
    blocks=40,
    logs=120,
    parked=1,
    reorgs=2,
    memory_bytes=1 << 27,
)


class FactChain:
    """Mines a block for every call, final at once unless `unfinal`, and brings the explorer up to it."""

    def __init__(self, tip: Tip, explorer: Explorer) -> None:
        self.tip, self.explorer = tip, explorer
        self.unfinal = False
        self.down = False
        self.refusing = ""
        self.delay_s = 0.0
        self.sent: dict[str, int] = {}
        self.places = 0
        self.told = FIGURES
        self.gas = 0
        self.gas_asked = 0
        self.jobs: dict[int, Order] = {}
        self.fork = 0
        self._sending = threading.Lock()

    @property
    def height(self) -> int:
        head = self.tip.head()
        return head.number if head else -1

    def mine(self, *facts: ChainFact) -> BlockFinalised:
        head = self.tip.head()
        number = head.number + 1 if head else 1
        seed = f"{self.fork}:{number}".encode()
        transaction = Transaction(hashlib.sha256(seed).digest(), 0, GATEWAY, COORDINATOR, Wei(0), 21_000, Wei(1), True)
        block = BlockFinalised(
            number=number,
            hash=hashlib.sha256(b"block " + seed).digest(),
            parent=head.hash if head else bytes(32),
            timestamp=GENESIS_S + number,
            transactions=(transaction,) if facts else (),
            occurrences=tuple(Occurrence(fact, COORDINATOR, 0, i) for i, fact in enumerate(facts)),
        )
        self.tip.extend(block)
        if not self.unfinal:
            self.tip.finalise(number)
        self.explorer.refresh(block)
        return block

    def reorganise(self, from_number: int, *facts: ChainFact) -> None:
        """Drops the unfinal blocks from `from_number` on and mines another one there."""
        self.tip.drop_from(from_number)
        self.fork += 1
        self.mine(*facts)

    def begin(self) -> None:
        """One model and some workers, as a young deployment has them."""
        self.mine(
            ModelRegistered(MODEL, MODEL_CID, "SmolLM2", "a small model"),
            ModelPriced(MODEL, Wei(PRICES[0]), Wei(PRICES[1]), 512),
            *(NodeRegistered(worker, 16_384, 0, 90, Wei(10**18)) for worker in (WORKER, OTHER, SIGNING)),
        )

    def request(self, order: Order) -> int:
        job_id = len(self.jobs) + 1
        self.jobs[job_id] = order
        self.mine(
            JobRequested(job_id, GATEWAY, order.prompt_cid, order.model_id, MODEL_CID),
            JobTermsFixed(
                job_id, GATEWAY, order.worker or NOBODY, 0, Wei(order.value), order.max_tokens,
                Wei(PRICES[0]), Wei(PRICES[1]),
                GENESIS_S + 3600, 1,
            ),
        )  # fmt: skip
        return job_id

    def claim(self, job_id: int, worker: bytes = WORKER, loser: bytes | None = None) -> BlockFinalised:
        lost = [LeaseExpired(job_id, loser)] if loser else []
        return self.mine(*lost, JobClaimed(job_id, worker, GENESIS_S + 600))

    def cancel(self, job_id: int) -> BlockFinalised:
        return self.mine(JobCancelled(job_id, GATEWAY, Wei(self.jobs[job_id].value)))

    def settle(
        self, job_id: int, response_cid: str, tokens: tuple[int, int], worker: bytes = WORKER, **words: int
    ) -> BlockFinalised:
        order = self.jobs[job_id]
        amount = tokens[0] * PRICES[0] + tokens[1] * PRICES[1]
        terms = order.max_tokens | PRICES[0] << 32 | PRICES[1] << 128
        accepted: dict[str, Any] = {"job_key": 7, "commitment": 9} | words
        return self.mine(
            JobCompleted(job_id, worker, response_cid),
            ReceiptAccepted(
                job_id, worker, Wei(accepted["job_key"]), order.prompt_cid, response_cid, order.model_id, MODEL_CID,
                Wei(terms), Wei(amount), Wei(order.value - amount), Wei(accepted["commitment"]), 1,
            ),
        )  # fmt: skip

    def figures(self) -> IndexerFigures:
        """What an indexer of this chain would tell of itself."""
        head = self.explorer.head()
        return replace(self.told, indexed=head.number, final=head.final)

    # The ports.

    async def place(self, order: Order) -> int:
        """As the relayer does: a key is sent once, whoever asks and however often."""
        self.places += 1
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.down:
            raise ChainUnready("the chain's node does not answer")
        if self.refusing:
            raise OrderRefused(self.refusing)
        return await asyncio.to_thread(self._send, order)

    def _send(self, order: Order) -> int:
        with self._sending:
            if order.key not in self.sent:
                self.sent[order.key] = self.request(order)
            return self.sent[order.key]

    async def head(self) -> int:
        if self.down:
            raise ChainUnready("the chain's node does not answer")
        return self.height

    async def gas_price(self) -> int:
        self.gas_asked += 1
        return self.gas

    async def block(self, block_hash: bytes) -> BlockData:
        raise ChainUnready(f"no node holds the header of 0x{block_hash.hex()}")

    async def books(self, block_hash: bytes) -> Books:  # noqa: ARG002
        row = self.explorer.queries.reconciliation_at(self.height)
        assert row is not None
        return Books(row.open_escrow, row.credit, row.stakes, row.open_escrow + row.credit, row.stakes)


def until(holds: Any, timeout_s: float = 10.0) -> Any:
    """What `holds` returns once it is true."""
    deadline = time.monotonic() + timeout_s
    while not (found := holds()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)
    return found
