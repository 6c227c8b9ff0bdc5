"""Facts of the chain come in, block by block; every job that is still under way goes out, as the contract sees it.

A job is the fold of its facts. The facts of unfinal blocks are kept by block, so a reorganisation only forgets some.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum

from msgspec import Struct
from msgspec.structs import replace

from domain.facts import (
    ChainFact,
    JobCancelled,
    JobClaimed,
    JobCompleted,
    JobExpired,
    JobRequested,
    JobTermsFixed,
    LeaseExpired,
    ReceiptAccepted,
    ReceiptDue,
)

JobFact = (
    JobRequested | JobTermsFixed | JobClaimed | LeaseExpired | JobCompleted | ReceiptDue
    | JobCancelled | JobExpired | ReceiptAccepted
)  # fmt: skip
NOBODY = bytes(20)


class Status(IntEnum):
    """The contract's own numbers."""

    OPEN = 1
    CLAIMED = 2
    ANSWERED = 3
    SETTLED = 4
    CANCELLED = 5
    EXPIRED = 6


class Job(Struct, frozen=True, kw_only=True):
    """One job of the coordinator; times are Unix seconds and inclusive, as the contract's are."""

    job_id: int
    controller: bytes
    model_id: str
    model_cid: str
    prompt_cid: str
    status: Status = Status.OPEN
    worker: bytes = NOBODY
    lease_until: int = 0
    receipt_deadline: int = 0
    reserved_for: bytes = NOBODY
    reserved_until: int = 0
    deadline: int = 0
    escrow: int = 0
    max_tokens: int = 0
    price_prompt_token: int = 0
    price_completion_token: int = 0
    verifier_version: int = 0

    @property
    def is_closed(self) -> bool:
        return self.status >= Status.SETTLED

    def is_held_by(self, worker: bytes, now: float) -> bool:
        """Whether a receipt of `worker` would be taken now."""
        if self.worker != worker:
            return False
        if self.status == Status.CLAIMED:
            return now <= self.lease_until
        return self.status == Status.ANSWERED and now <= self.receipt_deadline

    def is_claimable_by(self, worker: bytes, now: float) -> bool:
        """Whether the contract would lease the job to `worker` now."""
        if now >= self.deadline:
            return False
        if self.status == Status.CLAIMED:
            return now > self.lease_until
        reserved_to_other = self.reserved_for not in (NOBODY, worker) and now <= self.reserved_until
        return self.status == Status.OPEN and not reserved_to_other


def fold(job: Job | None, fact: JobFact) -> Job | None:
    """The job after `fact`; None as long as it was not seen from its request on."""
    if isinstance(fact, JobRequested):
        return Job(
            job_id=fact.job_id,
            controller=fact.controller,
            model_id=fact.model_id,
            model_cid=fact.model_cid,
            prompt_cid=fact.prompt_cid,
        )
    return None if job is None else _advance(job, fact)


def _advance(job: Job, fact: JobFact) -> Job:
    match fact:
        case JobTermsFixed():
            return replace(
                job,
                reserved_for=fact.reserved_for,
                reserved_until=fact.reserved_until,
                deadline=fact.deadline,
                escrow=int(fact.escrow),
                max_tokens=fact.max_tokens,
                price_prompt_token=int(fact.price_prompt_token),
                price_completion_token=int(fact.price_completion_token),
                verifier_version=fact.verifier_version,
            )
        case JobClaimed():
            return replace(job, status=Status.CLAIMED, worker=fact.worker, lease_until=fact.lease_until)
        case LeaseExpired():
            return replace(job, status=Status.OPEN, worker=NOBODY, lease_until=0, reserved_for=NOBODY)
        case ReceiptDue():
            return replace(job, status=Status.ANSWERED, receipt_deadline=fact.receipt_deadline)
        case ReceiptAccepted():
            return replace(job, status=Status.SETTLED)
        case JobCancelled():
            return replace(job, status=Status.CANCELLED)
        case JobExpired():
            return replace(job, status=Status.EXPIRED)
        case _:  # a completion alone changes nothing: ReceiptDue or ReceiptAccepted stands beside it
            return job


class Board:
    """Jobs by id, as of the newest block taken in."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._bases: dict[int, Job] = {}
        self._unfinal: dict[int, list[tuple[int, JobFact]]] = {}
        self._closed: set[int] = set()

    def place(self, jobs: Iterable[Job]) -> None:
        """Takes over jobs as the contract gave them at a final block."""
        for job in jobs:
            self._bases[job.job_id] = self._jobs[job.job_id] = job

    def extend(self, number: int, facts: Iterable[ChainFact]) -> set[int]:
        """Takes in a block's facts; returns the jobs they concern."""
        touched = set()
        for fact in facts:
            if isinstance(fact, JobFact):
                self._unfinal.setdefault(fact.job_id, []).append((number, fact))
                self._set(fact.job_id, fold(self._jobs.get(fact.job_id), fact))
                touched.add(fact.job_id)
        return touched

    def drop_from(self, number: int) -> set[int]:
        """Forgets every fact of block `number` and above; returns the jobs that changed by it."""
        touched = {job for job, facts in self._unfinal.items() if facts[-1][0] >= number}
        for job_id in touched:
            kept = [(block, fact) for block, fact in self._unfinal[job_id] if block < number]
            self._keep(job_id, kept)
            self._set(job_id, self._refold(job_id))
        return touched

    def finalise(self, number: int) -> list[Job]:
        """Blocks up to `number` are final: returns the jobs that are closed for good, to be forgotten when noted."""
        for job_id in [job for job, facts in self._unfinal.items() if facts[0][0] <= number]:
            facts = self._unfinal[job_id]
            base = self._bases.get(job_id)
            for block, fact in facts:
                if block <= number:
                    base = fold(base, fact)
            self._keep(job_id, [(block, fact) for block, fact in facts if block > number])
            if base is not None:
                self._bases[job_id] = base
                if base.is_closed:
                    self._closed.add(job_id)
        return [self._bases[job_id] for job_id in sorted(self._closed)]

    def forget(self, job_id: int) -> None:
        self._jobs.pop(job_id, None)
        self._bases.pop(job_id, None)
        self._unfinal.pop(job_id, None)
        self._closed.discard(job_id)

    def get(self, job_id: int) -> Job | None:
        return self._jobs.get(job_id)

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def _refold(self, job_id: int) -> Job | None:
        job = self._bases.get(job_id)
        for _, fact in self._unfinal.get(job_id, []):
            job = fold(job, fact)
        return job

    def _set(self, job_id: int, job: Job | None) -> None:
        if job is None:
            self._jobs.pop(job_id, None)
        else:
            self._jobs[job_id] = job

    def _keep(self, job_id: int, facts: list[tuple[int, JobFact]]) -> None:
        if facts:
            self._unfinal[job_id] = facts
        else:
            self._unfinal.pop(job_id, None)
