"""A network with a past: seeded people, workers and accidents go in, two days of blocks with their contents come out.

Among its texts are those that strangers would send to harm a reader: pages must show them and nothing more.
"""

import hashlib
import random
from collections.abc import Iterator

from msgspec import Struct

from domain.facts import (
    BlockFinalised,
    BlocksChecked,
    ChainFact,
    ChainReorganised,
    GpuSample,
    JobCancelled,
    JobClaimed,
    JobCompleted,
    JobExpired,
    JobRequested,
    JobTermsFixed,
    LeaseExpired,
    ModelActivated,
    ModelPriced,
    ModelRegistered,
    NodeRegistered,
    NodeSlashed,
    Occurrence,
    OfferPosted,
    ReceiptAccepted,
    ReceiptPublished,
    TelemetrySampled,
    Transaction,
    Wei,
    Withdrawn,
)
from domain.ledger import Position, Recorded, streams
from indexer.explorer.sources import checks, reorgs
from receipts.content.store import BlockStore
from tests.api.chain import CHAIN_ID, COORDINATOR
from tests.api.conftest import House

HOUR_S, DAY_S = 3_600, 86_400
GWEI = 10**9
NOBODY = bytes(20)

MARKUP = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
HOSTILE = (
    MARKUP,
    "<svg onload=\"document.title='owned'\"><a href=\"javascript:document.title='owned'\">open me</a>",
    "{{ 7 * 7 }} ${7*7} {% raw %} <%= 7*7 %> #{7*7}",
    "\u202egpj.exe\u202c and \x1b[31mred\x00 and \u2066hidden\u2069",
    "'\"></textarea></title></style><h1>broken out</h1>",
)
MODELS = (
    ("smollm2-135m-instruct", "SmolLM2 135M", "A small model for quick answers.", 12, 36),
    ("qwen2.5-7b-instruct", "Qwen 2.5 7B", "A mid-size model for most work.", 90, 270),
    ("llama-3.3-70b", "Llama 3.3 70B", "A large model, for what the others cannot do.", 410, 1_250),
    ("<b>bold</b>", HOSTILE[1], MARKUP, 5, 9),
)
QUESTIONS = (
    ("What is a tally stick?", "A split piece of wood: notches record a debt, and each half proves the other."),
    (
        "Why is the sky blue?",
        "Air scatters short waves more than long ones, so blue light reaches us from all over.",
    ),
    ("Write a haiku about receipts.", "Two halves of one stick\nnotches meet where they were cut\nnothing to believe"),
    ("Name three prime numbers.", "2, 3 and 5."),
    ("Explain escrow to a child.", "A friend keeps your coin until the other child has handed over the marble."),
)


class Worker(Struct, frozen=True):
    address: bytes
    ram: int
    vram: int
    speed: float
    gpu: str


WORKERS = tuple(
    Worker(hashlib.sha256(name.encode()).digest()[:20], ram, vram, speed, gpu)
    for name, ram, vram, speed, gpu in (
        ("oak", 65_536, 24_576, 61.0, "NVIDIA GeForce RTX 4090"),
        ("ash", 131_072, 81_920, 118.0, "NVIDIA H100 80GB HBM3"),
        ("elm", 16_384, 0, 18.0, ""),
        ("yew", 32_768, 16_384, 40.0, MARKUP),
    )
)
PEOPLE = tuple(hashlib.sha256(f"person {i}".encode()).digest()[:20] for i in range(6))


class Town:
    """Writes its own past into a house, in one go; `jobs` are numbered from 1."""

    def __init__(self, house: House, now: int, jobs: int = 240) -> None:
        self.house, self.now, self.jobs = house, now, jobs
        self._dice = random.Random(1217)
        self._content: BlockStore = house.content
        self._events: list[tuple[int, bytes, tuple[ChainFact, ...]]] = []
        self._published: list[ReceiptPublished] = []
        self._models: dict[str, str] = {}

    def settle_down(self) -> None:
        self._found()
        for job_id in range(1, self.jobs + 1):
            age = (self.jobs - job_id) / self.jobs
            self._live(job_id, self.now - 20 - int(2 * DAY_S * age**1.3))
        blocks = list(self._blocks())
        self.house.chain.tip.advance(blocks, Position(blocks[-1].number, blocks[-1].hash))
        for published in self._published:
            stream = streams.receipt(CHAIN_ID, COORDINATOR, published.job_id)
            self.house.ledger.record(Recorded(stream, 1, published))
        self._report(blocks)
        self.house.explorer.refresh(blocks[-1])

    def _found(self) -> None:
        began = self.now - 2 * DAY_S - HOUR_S
        for model_id, name, description, price_in, price_out in MODELS:
            cid = self._content.write(f"model {model_id}".encode())
            self._models[model_id] = cid
            registered = ModelRegistered(model_id, cid, name, description)
            self._at(
                began, PEOPLE[0], registered, ModelPriced(model_id, Wei(price_in * GWEI), Wei(price_out * GWEI), 512)
            )
        self._at(began + 60, PEOPLE[0], ModelActivated(MODELS[3][0], False))
        for worker in WORKERS:
            self._at(
                began + 90, worker.address, NodeRegistered(worker.address, worker.ram, worker.vram, 90, Wei(10**18))
            )
        offer = OfferPosted(WORKERS[0].address, MODELS[0][0], Wei(10 * GWEI), Wei(30 * GWEI))
        self._at(began + 120, WORKERS[0].address, offer)
        self._at(began + HOUR_S, COORDINATOR, NodeSlashed(WORKERS[3].address, Wei(2 * 10**16), HOSTILE[0]))

    def _live(self, job_id: int, at: int) -> None:
        """One job: most are paid, some are lost, cancelled, unproven or still under way."""
        dice, person = self._dice, PEOPLE[job_id % len(PEOPLE)]
        model_id, _, _, price_in, price_out = MODELS[dice.choices((0, 1, 2), (6, 3, 1))[0]]
        question, reply = self._talk(job_id)
        prompt_cid, response_cid = self._content.write(question.encode()), self._content.write(reply.encode())
        escrow = (64 * price_in + 512 * price_out) * GWEI
        self._at(
            at,
            person,
            JobRequested(job_id, person, prompt_cid, model_id, self._models[model_id]),
            JobTermsFixed(job_id, person, NOBODY, 0, Wei(escrow), 512, Wei(price_in * GWEI), Wei(price_out * GWEI),
                          at + HOUR_S, 1),
        )  # fmt: skip
        fate = dice.random()
        if job_id > self.jobs - 2:
            return
        if fate < 0.04:
            self._at(at + 30, person, JobCancelled(job_id, person, Wei(escrow)))
            return
        worker = dice.choices(WORKERS, (4, 5, 2, 1))[0]
        claimed = at + dice.randrange(1, 9)
        if fate < 0.09:
            other = WORKERS[3]
            self._at(claimed, other.address, JobClaimed(job_id, other.address, claimed + 60))
            claimed += 75
            self._at(claimed, worker.address, LeaseExpired(job_id, other.address),
                     JobClaimed(job_id, worker.address, claimed + 60))  # fmt: skip
        else:
            self._at(claimed, worker.address, JobClaimed(job_id, worker.address, claimed + 60))
        if job_id > self.jobs - 4:
            return
        tokens = 9 + dice.randrange(20), 24 + dice.randrange(380)
        ended = claimed + 1 + tokens[1] / worker.speed
        if fate > 0.97 and at < self.now - 2 * HOUR_S:
            self._at(int(ended) + 1, worker.address, JobCompleted(job_id, worker.address, response_cid))
            self._at(at + HOUR_S, person, JobExpired(job_id, worker.address, Wei(escrow)))
            return
        self._settle(job_id, worker, model_id, (prompt_cid, response_cid), (price_in, price_out), tokens, escrow,
                     (claimed, ended))  # fmt: skip

    def _settle(
        self,
        job_id: int,
        worker: Worker,
        model_id: str,
        cids: tuple[str, str],
        prices: tuple[int, int],
        tokens: tuple[int, int],
        escrow: int,
        spell: tuple[int, float],
    ) -> None:
        amount = (tokens[0] * prices[0] + tokens[1] * prices[1]) * GWEI
        terms = 512 | prices[0] * GWEI << 32 | prices[1] * GWEI << 128
        self._at(
            min(self.now, int(spell[1]) + 2),
            worker.address,
            JobCompleted(job_id, worker.address, cids[1]),
            ReceiptAccepted(job_id, worker.address, Wei(2**200 + job_id), cids[0], cids[1], model_id,
                            self._models[model_id], Wei(terms), Wei(amount), Wei(escrow - amount), Wei(2**220 + job_id),
                            1),
        )  # fmt: skip
        if job_id % 17 == 0:
            self._at(min(self.now, int(spell[1]) + 9), worker.address,
                     Withdrawn(worker.address, worker.address, Wei(amount)))  # fmt: skip
        document = self._content.write(f"receipt {job_id}".encode())
        if job_id % 11:
            self._published.append(
                ReceiptPublished(job_id, worker.address, document, cids[1], Wei(2**220 + job_id), *tokens,
                                 int(spell[0] * 1000 + 400), int(spell[1] * 1000 + 400))
            )  # fmt: skip

    def _talk(self, job_id: int) -> tuple[str, str]:
        if job_id % 8 == 0:
            hostile = HOSTILE[job_id // 8 % len(HOSTILE)]
            return hostile, f"You said: {hostile}"
        return QUESTIONS[job_id % len(QUESTIONS)]

    def _at(self, at: int, sender: bytes, *facts: ChainFact) -> None:
        self._events.append((at, sender, facts))

    def _blocks(self) -> Iterator[BlockFinalised]:
        """Events of one second share a block."""
        self._events.sort(key=lambda event: event[0])
        parent, number, i = bytes(32), 0, 0
        while i < len(self._events):
            at, number = self._events[i][0], number + 1
            sent: list[tuple[bytes, tuple[ChainFact, ...]]] = []
            while i < len(self._events) and self._events[i][0] == at:
                sent.append(self._events[i][1:])
                i += 1
            block = sealed(number, parent, at, sent)
            parent = block.hash
            yield block

    def _report(self, blocks: list[BlockFinalised]) -> None:
        """Telemetry, one reorganisation long past, and what was checked of the blocks."""
        record = self.house.ledger.record
        for worker in WORKERS[:2] + WORKERS[3:]:
            for i in range(60):
                at = (self.now - 60 * (59 - i)) * 1000
                load = 35 + 30 * self._dice.random() + 20 * (i % 20 > 10)
                gpu = GpuSample(worker.gpu, f"GPU-{worker.gpu[:6]}", load, int(worker.vram * 2**20 * 0.7),
                                worker.vram * 2**20, 61.0, 244.0)  # fmt: skip
                sample = TelemetrySampled(worker.address, at, load / 2, 21 * 2**30, worker.ram * 2**20, (gpu,))
                record(Recorded(streams.node(worker.address), at, sample))
        dropped = tuple(hashlib.sha256(f"dropped {i}".encode()).digest() for i in range(2))
        record(Recorded(reorgs(CHAIN_ID), 1, ChainReorganised((self.now - 5 * HOUR_S) * 1000, 40, dropped, 6)))
        middle = len(blocks) // 2
        for version, part in enumerate((blocks[:middle], blocks[middle:]), 1):
            record(Recorded(checks(CHAIN_ID), version, _checked(part)))


def sealed(number: int, parent: bytes, at: int, sent: list[tuple[bytes, tuple[ChainFact, ...]]]) -> BlockFinalised:
    transactions: list[Transaction] = []
    occurrences: list[Occurrence] = []
    for index, (sender, facts) in enumerate(sent):
        digest = hashlib.sha256(f"town {number} {index}".encode()).digest()
        gas = 60_000 + 1_000 * (number % 150)
        transactions.append(Transaction(digest, index, sender, COORDINATOR, Wei(0), gas, Wei(gas * GWEI), True))
        occurrences += [Occurrence(fact, COORDINATOR, index, len(occurrences) + i) for i, fact in enumerate(facts)]
    digest = hashlib.sha256(f"block {number} {at}".encode() + parent).digest()
    return BlockFinalised(number, digest, parent, at, tuple(transactions), tuple(occurrences))


def _checked(blocks: list[BlockFinalised]) -> BlocksChecked:
    first, last = blocks[0], blocks[-1]
    checks = ("header hash", "parent link", "receipts root", "log places")
    return BlocksChecked(first.number, last.number, first.parent, last.hash, "root", checks, "own node",
                         last.timestamp * 1000)  # fmt: skip
