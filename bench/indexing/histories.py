"""A number of jobs goes in; block by block, what our contracts would say of them comes out.

Each block holds four transactions, as a chain has them that settles in batches: orders of one cohort of jobs, claims of
the cohort before, answers of the one before that, receipts of the eldest. One job in fifty is cancelled, another loses
its first lease: what the explorer folds is what a real network would give it to fold.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from bench.indexing.emitter import WORD, Log
from chain.abi import signature_hash
from receipts.deployment import Deployment

COHORT = 10
NODES = 16
MODELS = 3
CONTROLLERS = 97
LEASE_S, WINDOW_S, LIFETIME_S = 600, 3_600, 86_400
PROMPT_PRICE, COMPLETION_PRICE, MAX_TOKENS = 10**12, 10**13, 256
ESCROW = 10**16
TERMS = MAX_TOKENS | PROMPT_PRICE << 32 | COMPLETION_PRICE << 128
CANCELLED, LEASE_LOST = 7, 23
"""Which job of each fifty meets that fate."""

Transaction = list[Log]


class Job(Struct, frozen=True):
    """What one job is and comes to: all of it follows from its number."""

    number: int
    controller: bytes
    worker: bytes
    model: str
    model_cid: str
    prompt: str
    response: str

    @property
    def is_cancelled(self) -> bool:
        return self.number % 50 == CANCELLED

    @property
    def amount(self) -> int:
        return ESCROW - self.number % 1_000 * 10**12


class Speaker:
    """One contract: its events by name become logs."""

    def __init__(self, deployment: Deployment, contract: str) -> None:
        self.address = deployment.address(contract)
        events = (entry for entry in deployment.contracts[contract].abi if entry["type"] == "event")
        self._events = {entry["name"]: (signature_hash(entry), _writers(entry)) for entry in events}

    def says(self, name: str, *arguments: Any) -> Log:
        topic, (indexed, plain) = self._events[name]
        topics = [write(arguments[i]) for i, write in indexed]
        values = [(write(arguments[i]), is_long) for i, write, is_long in plain]
        return Log(self.address, (topic, *topics), _laid_out(values))


class Histories:
    """The whole cast, and the blocks they fill from block 1 on."""

    def __init__(self, deployment: Deployment, cohort: int = COHORT) -> None:
        self._jobs = Speaker(deployment, "InferenceCoordinator")
        self._nodes = Speaker(deployment, "NodeProfileRegistry")
        self._models = Speaker(deployment, "ModelRegistry")
        self._cohort = cohort

    def founding(self) -> list[Transaction]:
        """The first block: models and nodes that everything else refers to."""
        models = []
        for i in range(MODELS):
            key, name = _digest("model key", i), f"model-{i}"
            models += [
                self._models.says("ModelRegistered", key, name, _cid("model", i), name.title(), "for benches"),
                self._models.says("ModelPriced", key, name, PROMPT_PRICE, COMPLETION_PRICE, MAX_TOKENS),
            ]
        means = (32_768, 24_576, 80, 10**18)
        nodes = [self._nodes.says("NodeRegistered", _address("node", i), *means) for i in range(NODES)]
        return [models, nodes]

    def blocks(self, now: int, first: int = 0) -> Iterator[list[Transaction]]:
        """Blocks of four transactions without end, from the `first` cohort on; `now` is the time of block 1."""
        cohorts: list[Sequence[Job]] = [(), (), ()]
        for i in range(first, 10**9):
            coming = [job(self._cohort * i + k + 1) for k in range(self._cohort)]
            stages = (self._ordered, self._claimed, self._answered, self._settled)
            block = [
                [log for each in jobs for log in stage(each, now + i)]
                for stage, jobs in zip(stages, (coming, *cohorts), strict=True)
                if jobs
            ]
            cohorts = [coming, *cohorts[:2]]
            yield block

    def sparse(self, number: int) -> Transaction:
        """One log of a quiet chain: the `number`-th thing that happened on it."""
        each = job(number // 4 + 1)
        says = self._jobs.says
        stage = number % 4
        if stage == 0:
            return [says("InferenceRequested", each.number, each.controller, each.prompt, each.model, each.model_cid)]
        if stage == 1:
            return [self._terms(each, 0)]
        if stage == 2:
            return [says("JobClaimed", each.number, each.worker, LEASE_S)]
        return [says("InferenceCompleted", each.number, each.worker, each.response)]

    def _ordered(self, each: Job, now: int) -> list[Log]:
        asked = (each.number, each.controller, each.prompt, each.model, each.model_cid)
        return [self._jobs.says("InferenceRequested", *asked), self._terms(each, now)]

    def _terms(self, each: Job, now: int) -> Log:
        prices = (MAX_TOKENS, PROMPT_PRICE, COMPLETION_PRICE)
        return self._jobs.says(
            "JobTermsFixed", each.number, each.controller, bytes(20), 0, ESCROW, *prices, now + LIFETIME_S, 1
        )

    def _claimed(self, each: Job, now: int) -> list[Log]:
        if each.is_cancelled:
            return [self._jobs.says("JobCancelled", each.number, each.controller, ESCROW)]
        claimed = self._jobs.says("JobClaimed", each.number, each.worker, now + LEASE_S)
        if each.number % 50 != LEASE_LOST:
            return [claimed]
        slow = _address("node", each.number + 1)
        return [
            self._jobs.says("JobClaimed", each.number, slow, now),
            self._jobs.says("LeaseExpired", each.number, slow),
            claimed,
        ]

    def _answered(self, each: Job, now: int) -> list[Log]:
        if each.is_cancelled:
            return []
        return [
            self._jobs.says("InferenceCompleted", each.number, each.worker, each.response),
            self._jobs.says("ReceiptDue", each.number, each.worker, now + WINDOW_S),
        ]

    def _settled(self, each: Job, now: int) -> list[Log]:  # noqa: ARG002 - a stage like the others
        if each.is_cancelled:
            return []
        key = int.from_bytes(_digest("job key", each.number), "big") >> 8
        commitment = int.from_bytes(_digest("commitment", each.number), "big") >> 3
        said = (each.prompt, each.response, each.model, each.model_cid)
        paid = (TERMS, each.amount, ESCROW - each.amount, commitment, 1)
        return [self._jobs.says("ReceiptAccepted", each.number, each.worker, key, *said, *paid)]


def job(number: int) -> Job:
    model = number % MODELS
    return Job(
        number=number,
        controller=_address("controller", number * 31 % CONTROLLERS),
        worker=_address("node", number),
        model=f"model-{model}",
        model_cid=_cid("model", model),
        prompt=_cid("prompt", number),
        response=_cid("response", number),
    )


def _writers(entry: dict[str, Any]) -> tuple[list[tuple[int, Callable[[Any], bytes]]], list[Any]]:
    """How each argument of an event is written: those in topics, and those in the data with whether they are long."""
    kinds = [(i, each["type"], each["indexed"]) for i, each in enumerate(entry["inputs"])]
    indexed = [(i, _writer(kind)) for i, kind, is_indexed in kinds if is_indexed]
    plain = [(i, _writer(kind), kind == "string") for i, kind, is_indexed in kinds if not is_indexed]
    return indexed, plain


def _writer(kind: str) -> Callable[[Any], bytes]:
    if kind == "string":
        return _text
    if kind == "address":
        return lambda raw: bytes(12) + raw
    if kind == "bytes32":
        return lambda raw: raw
    return lambda number: number.to_bytes(WORD, "big")


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(WORD, "big") + raw + bytes(-len(raw) % WORD)


def _laid_out(values: Sequence[tuple[bytes, bool]]) -> bytes:
    """Arguments one after another; the long ones behind them, with their places in the row."""
    head: list[bytes] = []
    tail: list[bytes] = []
    at = WORD * len(values)
    for written, is_long in values:
        head.append((at + sum(map(len, tail))).to_bytes(WORD, "big") if is_long else written)
        if is_long:
            tail.append(written)
    return b"".join(head + tail)


def _digest(what: str, number: int) -> bytes:
    return hashlib.sha256(f"{what} {number}".encode()).digest()


def _address(what: str, number: int) -> bytes:
    return _digest(what, number % NODES if what == "node" else number)[:20]


def _cid(what: str, number: int) -> str:
    """As long as a CIDv0, which is all that an indexer sees of it."""
    return "Qm" + _digest(what, number).hex()[:44]
