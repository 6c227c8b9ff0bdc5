"""Facts of the chain come in, block by block; every job that is still under way goes out, as the contract sees it.

A job is the fold of its facts. The facts of unfinal blocks are kept by block, so a reorganisation only forgets some.
"""

import copy
from collections.abc import Iterable, Iterator

from msgspec import Struct

from domain.facts import ChainFact, JobRequested
from domain.jobs import CLOSED, NOBODY, Image, JobFact, State, advance

AS_IT_IS = Image(address=bytes, holder=bytes)


class Job(Struct, kw_only=True):
    """One job of the coordinator; times are Unix seconds and inclusive, as the contract's are.

    Who was given one keeps it as it is: `fold` makes another.
    """

    job_id: int
    controller: bytes
    model_id: str
    model_cid: str
    prompt_cid: str
    state: State = "open"
    worker: bytes = NOBODY
    lease_until: int | None = None
    receipt_deadline: int | None = None
    reserved_for: bytes = NOBODY
    reserved_until: int | None = None
    refund_to: bytes = NOBODY
    deadline: int = 0
    escrow: int = 0
    max_tokens: int = 0
    price_prompt_token: int = 0
    price_completion_token: int = 0
    verifier_version: int = 0
    claims: int = 0
    response_cid: str | None = None
    amount: int | None = None
    refund: int | None = None

    @property
    def is_closed(self) -> bool:
        return self.state in CLOSED

    def is_held_by(self, worker: bytes, now: float) -> bool:
        """Whether a receipt of `worker` would be taken now."""
        if self.worker != worker:
            return False
        if self.state == "claimed":
            return now <= (self.lease_until or 0)
        return self.state == "answered" and now <= (self.receipt_deadline or 0)

    def is_claimable_by(self, worker: bytes, now: float) -> bool:
        """Whether the contract would lease the job to `worker` now."""
        if now >= self.deadline:
            return False
        if self.state == "claimed":
            return now > (self.lease_until or 0)
        return self.state == "open" and not self._is_reserved_from(worker, now)

    def _is_reserved_from(self, worker: bytes, now: float) -> bool:
        """Until somebody claimed it; the contract tells only reservations that still count."""
        return self.claims == 0 and self.reserved_for not in (NOBODY, worker) and now <= (self.reserved_until or 0)


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
    if job is None:
        return None
    after = copy.copy(job)
    advance(after, fact, AS_IT_IS)
    return after


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
