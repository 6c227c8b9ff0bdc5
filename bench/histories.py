"""A number of logs comes in; legal blocks of facts go out, as a busy coordinator would tell them, one by one.

Like real ones they share little: every hash, commitment and CID is random, as those are that no compression shortens.
"""

import random
import string
from collections import deque
from collections.abc import Iterator

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
    ReceiptDue,
    Transaction,
    VerifierAdded,
    Wei,
    Withdrawn,
)

COORDINATOR, NODES, MODELS, NOBODY = b"\xc0" * 20, b"\xc1" * 20, b"\xc2" * 20, bytes(20)
GENESIS_S, BLOCK_S, LEASE_S, LIFETIME_S = 1_700_000_000, 2, 60, 600
USERS, WORKERS, MODEL_COUNT = 400, 60, 8
BASE58 = "".join(sorted(set(string.ascii_letters + string.digits) - set("0OIl")))
PRICE_PROMPT, PRICE_COMPLETION, MAX_TOKENS = Wei(3 * 10**9), Wei(12 * 10**9), 512
TERMS = Wei(MAX_TOKENS | PRICE_PROMPT << 32 | PRICE_COMPLETION << 128)
LOGS_A_JOB = 5.1

CANCELLED_SHARE, LATE_SHARE, PROVED_LATER_SHARE = 0.03, 0.02, 0.10
WITHDRAWN_EACH = 40  # settlements


class Job:
    """What the coordinator would store of a job."""

    def __init__(self, job_id: int, controller: bytes, prompt: str, model: int, escrow: int, deadline: int) -> None:
        self.job_id, self.controller, self.prompt, self.model = job_id, controller, prompt, model
        self.escrow, self.deadline, self.worker, self.response = escrow, deadline, NOBODY, ""


class History:
    """One seed, one history. Jobs take about ten blocks from order to payment."""

    def __init__(self, seed: int = 1, logs_a_block: int = 25) -> None:
        self._random = random.Random(seed)
        self._orders_a_block = max(1, round(logs_a_block / LOGS_A_JOB))
        self.users = [self._random.randbytes(20) for _ in range(USERS)]
        self._workers = [self._random.randbytes(20) for _ in range(WORKERS)]
        self._models = [(f"model-{i}", self._cid()) for i in range(MODEL_COUNT)]
        self._jobs = 0
        self._settled = 0
        self._credit: dict[bytes, int] = {}
        self._open: deque[Job] = deque()
        self._claimed: deque[Job] = deque()
        self._answered: deque[Job] = deque()
        self._number, self._now, self._parent = 0, GENESIS_S, bytes(32)
        self._sent: list[tuple[bytes, bytes, list[ChainFact]]] = []

    def blocks(self, logs: int) -> Iterator[BlockFinalised]:
        """Blocks with `logs` logs or a few more."""
        told = 0
        self._found()
        while told < logs:
            block = self._seal()
            told += len(block.occurrences)
            yield block
            self._act()

    def more(self) -> Iterator[BlockFinalised]:
        """The blocks that follow those, without end."""
        while True:
            yield self._seal()
            self._act()

    def _found(self) -> None:
        for model_id, cid in self._models:
            registered = ModelRegistered(model_id, cid, model_id.title(), "a model of the benchmark")
            priced = ModelPriced(model_id, PRICE_PROMPT, PRICE_COMPLETION, MAX_TOKENS)
            self._send(self.users[0], MODELS, registered, priced)
        self._send(self.users[0], COORDINATOR, VerifierAdded(1, b"\xc3" * 20, bytes(32)))
        for worker in self._workers:
            self._send(worker, NODES, NodeRegistered(worker, 65536, 24576, 90, Wei(10**18)))

    def _act(self) -> None:
        self._now += BLOCK_S
        due = self._orders_a_block
        for _ in range(due if len(self._answered) > 3 * due else 0):
            self._settle(self._answered.popleft())
        for _ in range(due if len(self._claimed) > 3 * due else 0):
            self._respond(self._claimed.popleft())
        for _ in range(due if len(self._open) > 3 * due else 0):
            self._claim(self._open.popleft())
        for _ in range(due):
            self._order()

    def _order(self) -> None:
        self._jobs += 1
        controller = self._random.choice(self.users)
        escrow = self._random.randrange(10**12, 10**16)
        job = Job(self._jobs, controller, self._cid(), self._random.randrange(8), escrow, self._now + LIFETIME_S)
        model_id, cid = self._models[job.model]
        requested = JobRequested(job.job_id, controller, job.prompt, model_id, cid)
        prices = (MAX_TOKENS, PRICE_PROMPT, PRICE_COMPLETION)
        terms = JobTermsFixed(job.job_id, controller, NOBODY, 0, Wei(escrow), *prices, job.deadline, 1)
        self._open.append(job)
        self._send(controller, COORDINATOR, requested, terms)

    def _claim(self, job: Job) -> None:
        if self._random.random() < CANCELLED_SHARE:
            self._owe(job.controller, job.escrow)
            self._send(job.controller, COORDINATOR, JobCancelled(job.job_id, job.controller, Wei(job.escrow)))
            return
        lost = LeaseExpired(job.job_id, job.worker) if job.worker != NOBODY else None
        job.worker = self._random.choice(self._workers)
        claimed = JobClaimed(job.job_id, job.worker, self._now + LEASE_S)
        self._send(job.worker, COORDINATOR, *((lost, claimed) if lost else (claimed,)))
        late = self._random.random() < LATE_SHARE
        (self._open if late else self._claimed).append(job)

    def _respond(self, job: Job) -> None:
        """Most answers come with their proof, in the transaction that settles the job."""
        job.response = self._cid()
        self._answered.append(job)
        if self._random.random() < PROVED_LATER_SHARE:
            completed = JobCompleted(job.job_id, job.worker, job.response)
            self._send(job.worker, COORDINATOR, completed, ReceiptDue(job.job_id, job.worker, self._now + LIFETIME_S))
            job.deadline = 0

    def _settle(self, job: Job) -> None:
        amount = job.escrow * self._random.randrange(20, 100) // 100
        refund = job.escrow - amount
        self._owe(job.worker, amount)
        self._owe(job.controller, refund)
        model_id, cid = self._models[job.model]
        accepted = ReceiptAccepted(
            job.job_id,
            job.worker,
            Wei(self._random.getrandbits(248)),
            job.prompt,
            job.response,
            model_id,
            cid,
            TERMS,
            Wei(amount),
            Wei(refund),
            Wei(self._random.getrandbits(253)),
            1,
        )
        completed = [JobCompleted(job.job_id, job.worker, job.response)] if job.deadline else []
        self._send(job.worker, COORDINATOR, *completed, accepted)
        self._settled += 1
        if self._settled % WITHDRAWN_EACH == 0:
            owed = Wei(self._credit.pop(job.worker))
            self._send(job.worker, COORDINATOR, Withdrawn(job.worker, job.worker, owed))

    def _owe(self, account: bytes, amount: int) -> None:
        self._credit[account] = self._credit.get(account, 0) + amount

    def _cid(self) -> str:
        return "Qm" + "".join(self._random.choices(BASE58, k=44))

    def _send(self, sender: bytes, contract: bytes, *facts: ChainFact) -> None:
        self._sent.append((sender, contract, list(facts)))

    def _seal(self) -> BlockFinalised:
        self._number += 1
        transactions: list[Transaction] = []
        occurrences: list[Occurrence] = []
        for index, (sender, contract, facts) in enumerate(self._sent):
            gas = self._random.randrange(90_000, 320_000)
            hash_ = self._random.randbytes(32)
            transactions.append(Transaction(hash_, index, sender, contract, Wei(0), gas, Wei(gas * 10**9), True))
            occurrences += (Occurrence(fact, contract, index, len(occurrences) + i) for i, fact in enumerate(facts))
        self._sent = []
        parent, self._parent = self._parent, self._random.randbytes(32)
        return BlockFinalised(self._number, self._parent, parent, self._now, tuple(transactions), tuple(occurrences))
