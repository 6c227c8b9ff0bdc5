"""A chain in memory that obeys the contracts' rules: decisions come in, legal blocks of facts go out.

It keeps the contracts' own books, written the naive way, as the oracle of the folds.
"""

import hashlib
from collections.abc import Callable, Iterable

from domain.facts import (
    BlockFinalised,
    ChainFact,
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
    ModelUpdated,
    NodeDeregistered,
    NodeRegistered,
    NodeSlashed,
    NodeUpdated,
    Occurrence,
    OfferPosted,
    OfferWithdrawn,
    ReceiptAccepted,
    ReceiptDue,
    ReceiptSkipped,
    StakeAdded,
    StakeWithdrawn,
    Transaction,
    VerifierAdded,
    Wei,
    Withdrawn,
)

COORDINATOR, NODES, MODELS, ZERO = b"\xc0" * 20, b"\xc1" * 20, b"\xc2" * 20, bytes(20)
USERS = tuple(bytes([0x10 + i]) * 20 for i in range(4))
WORKERS = tuple(bytes([0x20 + i]) * 20 for i in range(3))
MODEL_IDS = ("smol", "tiny")
GENESIS_S = 1_700_000_000
LEASE_S, WINDOW_S, LIFETIME_S = 60, 90, 300


class Job:
    """What the coordinator stores of a job."""

    def __init__(self, controller: bytes, refund_to: bytes, escrow: int, deadline: int, terms: JobTermsFixed) -> None:
        self.controller, self.refund_to, self.escrow, self.deadline = controller, refund_to, escrow, deadline
        self.terms = terms
        self.request: JobRequested | None = None
        self.status, self.worker, self.until, self.response = "open", ZERO, 0, ""


class World:
    """`mine` makes the next block; each decision is a number that picks one legal action and its details."""

    def __init__(self, salt: str = "") -> None:
        self.salt = salt
        self.number, self.now, self.parent = 0, GENESIS_S, bytes(32)
        self.jobs: dict[int, Job] = {}
        self.credit: dict[bytes, int] = {}
        self.stakes: dict[bytes, int] = {}
        self.leaving: set[bytes] = set()
        self.offers: set[tuple[bytes, str]] = set()
        self.versions = dict.fromkeys(MODEL_IDS, 1)
        self._facts: list[tuple[bytes, bytes, list[ChainFact]]] = []

    @property
    def open_escrow(self) -> int:
        return sum(job.escrow for job in self.jobs.values() if job.status in ("open", "claimed", "answered"))

    def found(self) -> BlockFinalised:
        """The first block: models, nodes and a verifier."""
        for model_id in MODEL_IDS:
            registered = ModelRegistered(model_id, f"Qm{model_id}1", model_id.title(), "a 'model'; with \"quotes\"")
            self.emit(USERS[0], MODELS, registered, ModelPriced(model_id, Wei(3), Wei(10**14), 256))
        self.emit(USERS[0], COORDINATOR, VerifierAdded(1, b"\xc3" * 20, b"\x01" * 32))
        for worker in WORKERS:
            self._register(worker, 10**18)
        return self.seal()

    def mine(self, decisions: Iterable[int] = ()) -> BlockFinalised:
        self.now += 7
        for decision in decisions:
            actions = self._legal()
            actions[decision % len(actions)](decision // len(actions))
        return self.seal()

    def _legal(self) -> list[Callable[[int], None]]:
        actions: list[Callable[[int], None]] = [
            self.order,
            self.order,
            self.order,
            self.change_stake,
            self.change_model,
        ]
        actions += [self.wait, self.change_offer]
        for job_id in list(self.jobs)[-12:]:
            actions += self._on_job(job_id)
        owed = [account for account, credit in self.credit.items() if credit]
        if owed:
            actions.append(lambda n: self.withdraw(owed[n % len(owed)]))
        return actions

    def _on_job(self, job_id: int) -> list[Callable[[int], None]]:
        job = self.jobs[job_id]
        ran_out = job.status == "claimed" and self.now > job.until
        actions: list[Callable[[int], None]] = []
        if (job.status == "open" or ran_out) and self.now < job.deadline:
            actions.append(lambda n: self.claim(job_id, n))
        if job.status == "open" or ran_out:
            actions.append(lambda _: self.cancel(job_id))
        if job.status == "claimed" and not ran_out:
            actions += [lambda n: self.respond(job_id, n), lambda n: self.settle(job_id, n)]
        if job.status == "answered" and self.now <= job.until:
            actions += [lambda n: self.settle(job_id, n)] * 2
        if job.status == "settled":
            actions.append(lambda _: self.emit(job.worker, COORDINATOR, ReceiptSkipped(job_id, job.worker, 4)))
        overdue = job.until if job.status == "answered" else job.deadline
        if job.status in ("open", "claimed", "answered") and self.now > overdue:
            actions += [lambda _: self.expire(job_id)] * 3
        return actions

    def order(self, n: int) -> None:
        job_id, controller = len(self.jobs) + 1, USERS[n % 4]
        refund_to = USERS[(n // 4) % 4]
        model_id = MODEL_IDS[(n // 16) % 2]
        reserved = WORKERS[(n // 32) % 3] if n % 5 == 0 else ZERO
        escrow = (1 + n % 97) * 10**15
        deadline = self.now + LIFETIME_S
        until = self.now + 30 if reserved != ZERO else 0
        terms = JobTermsFixed(job_id, refund_to, reserved, until, Wei(escrow), 128, Wei(3), Wei(10**14), deadline, 1)
        job = Job(controller, refund_to, escrow, deadline, terms)
        cid = f"Qm{model_id}{self.versions[model_id]}"
        job.request = JobRequested(job_id, controller, f"Qmprompt{job_id}{self.salt}", model_id, cid)
        self.jobs[job_id] = job
        self.emit(controller, COORDINATOR, job.request, terms)

    def claim(self, job_id: int, n: int) -> None:
        job, worker = self.jobs[job_id], WORKERS[n % 3]
        if worker not in self.stakes or worker in self.leaving:
            return
        facts: list[ChainFact] = [LeaseExpired(job_id, job.worker)] if job.status == "claimed" else []
        job.status, job.worker, job.until = "claimed", worker, min(self.now + LEASE_S, job.deadline)
        self.emit(worker, COORDINATOR, *facts, JobClaimed(job_id, worker, job.until))

    def respond(self, job_id: int, n: int) -> None:
        job = self.jobs[job_id]
        job.status, job.until, job.response = "answered", self.now + WINDOW_S, f"Qmanswer{n % 50}"
        completed = JobCompleted(job_id, job.worker, job.response)
        self.emit(job.worker, COORDINATOR, completed, ReceiptDue(job_id, job.worker, job.until))

    def settle(self, job_id: int, n: int) -> None:
        job = self.jobs[job_id]
        facts: list[ChainFact] = []
        if job.status == "claimed":
            job.response = f"Qmanswer{n % 50}"
            facts.append(JobCompleted(job_id, job.worker, job.response))
        amount = job.escrow * (n % 101) // 100
        job.status = "settled"
        self._owe(job.worker, amount)
        self._owe(job.refund_to, job.escrow - amount)
        self.emit(job.worker, COORDINATOR, *facts, self.accepted(job_id, job, amount))

    def accepted(self, job_id: int, job: Job, amount: int) -> ReceiptAccepted:
        terms, asked = job.terms, job.request
        assert asked
        packed = terms.max_tokens | terms.price_prompt_token << 32 | terms.price_completion_token << 128
        return ReceiptAccepted(
            job_id=job_id,
            worker=job.worker,
            job_key=Wei(2**247 + job_id),
            prompt_cid=asked.prompt_cid,
            response_cid=job.response,
            model_id=asked.model_id,
            model_cid=asked.model_cid,
            terms=Wei(packed),
            amount=Wei(amount),
            refund=Wei(job.escrow - amount),
            commitment=Wei(2**250 + job_id),
            verifier_version=1,
        )

    def cancel(self, job_id: int) -> None:
        job = self.jobs[job_id]
        facts: list[ChainFact] = [LeaseExpired(job_id, job.worker)] if job.status == "claimed" else []
        job.status = "cancelled"
        self._owe(job.refund_to, job.escrow)
        self.emit(job.controller, COORDINATOR, *facts, JobCancelled(job_id, job.controller, Wei(job.escrow)))

    def expire(self, job_id: int) -> None:
        job = self.jobs[job_id]
        worker = ZERO if job.status == "open" else job.worker
        facts: list[ChainFact] = [LeaseExpired(job_id, job.worker)] if job.status == "claimed" else []
        job.status = "expired"
        self._owe(job.refund_to, job.escrow)
        self.emit(USERS[3], COORDINATOR, *facts, JobExpired(job_id, worker, Wei(job.escrow)))

    def withdraw(self, account: bytes) -> None:
        amount = self.credit.pop(account)
        self.emit(account, COORDINATOR, Withdrawn(account, account, Wei(amount)))

    def _owe(self, account: bytes, amount: int) -> None:
        self.credit[account] = self.credit.get(account, 0) + amount

    def _register(self, worker: bytes, stake: int) -> None:
        self.stakes[worker] = stake
        self.emit(worker, NODES, NodeRegistered(worker, 8192, 0, 80, Wei(stake)))

    def change_stake(self, n: int) -> None:
        worker, amount = WORKERS[n % 3], 1 + n % 1000
        if worker not in self.stakes:
            self._register(worker, amount)
        elif worker in self.leaving:
            self.leaving.discard(worker)
            self.offers = {offer for offer in self.offers if offer[0] != worker}
            self.emit(worker, NODES, StakeWithdrawn(worker, Wei(self.stakes.pop(worker))))
        elif n % 7 == 0:
            self.leaving.add(worker)
            self.emit(worker, NODES, NodeDeregistered(worker, self.now + 60))
        elif n % 7 == 1:
            taken = min(amount, self.stakes[worker])
            self.stakes[worker] -= taken
            self.emit(USERS[0], NODES, NodeSlashed(worker, Wei(taken), "late"))
        elif n % 7 == 2:
            self.emit(worker, NODES, NodeUpdated(worker, 4096, 1024, 1 + n % 100))
        else:
            self.stakes[worker] += amount
            self.emit(worker, NODES, StakeAdded(worker, Wei(amount), Wei(self.stakes[worker])))

    def change_offer(self, n: int) -> None:
        worker, model_id = WORKERS[n % 3], MODEL_IDS[n // 3 % 2]
        if (worker, model_id) in self.offers:
            self.offers.discard((worker, model_id))
            self.emit(worker, NODES, OfferWithdrawn(worker, model_id))
        elif worker in self.stakes and worker not in self.leaving:
            self.offers.add((worker, model_id))
            self.emit(worker, NODES, OfferPosted(worker, model_id, Wei(n % 9), Wei(2**96 - 1)))

    def change_model(self, n: int) -> None:
        model_id = MODEL_IDS[n % 2]
        if n % 3 == 0:
            self.emit(USERS[0], MODELS, ModelActivated(model_id, n % 2 == 0))
        elif n % 3 == 1:
            self.emit(USERS[0], MODELS, ModelPriced(model_id, Wei(n), Wei(2 * n), 64))
        else:
            self.versions[model_id] += 1
            version = self.versions[model_id]
            self.emit(USERS[0], MODELS, ModelUpdated(model_id, f"Qm{model_id}{version}", version))

    def wait(self, n: int) -> None:
        self.now += n % 120

    def emit(self, sender: bytes, contract: bytes, *facts: ChainFact) -> None:
        self._facts.append((sender, contract, list(facts)))

    def seal(self) -> BlockFinalised:
        self.number += 1
        transactions: list[Transaction] = []
        occurrences: list[Occurrence] = []
        for index, (sender, contract, facts) in enumerate(self._facts):
            digest = hashlib.sha256(f"{self.salt} {self.number} {index}".encode()).digest()
            gas = 100_000 + index
            transactions.append(Transaction(digest, index, sender, contract, Wei(0), gas, Wei(gas * 10**9), True))
            for fact in facts:
                occurrences.append(Occurrence(fact, contract, index, len(occurrences)))
        self._facts = []
        digest = hashlib.sha256(f"{self.salt} block {self.number}".encode() + self.parent).digest()
        block = BlockFinalised(self.number, digest, self.parent, self.now, tuple(transactions), tuple(occurrences))
        self.parent = digest
        return block


def history(decisions: Iterable[Iterable[int]], salt: str = "") -> list[BlockFinalised]:
    """A legal chain: the founding block, then one block for each list of decisions."""
    world = World(salt)
    return [world.found(), *(world.mine(each) for each in decisions)]
