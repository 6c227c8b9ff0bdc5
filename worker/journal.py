"""What this worker did about each job goes in as facts, one stream a job; where it stands comes out as a fold."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from domain.facts import AnyFact, Fact, Wei
from domain.ledger import Ledger, LedgerBusy, LedgerFull, LedgerUnreachable, Recorded

from .engine import Description, FinishReason, Sampling

PAGE = 1000
UNRECORDED = (LedgerBusy, LedgerFull, LedgerUnreachable)
"""What may keep a fact from being recorded for a while: nothing was done."""


class JobAccepted(Fact, frozen=True, tag="work.accepted"):
    """We mean to do this job. `at` is Unix ms, as all times here."""

    job_id: int
    at: int


class ClaimSent(Fact, frozen=True, tag="work.claim_sent"):
    """A claim of the jobs that bear the same `key` was handed to the relayer."""

    key: str


class ClaimLost(Fact, frozen=True, tag="work.claim_lost"):
    """The claim came to nothing, or its lease ran out: the job must be claimed anew."""

    reason: str


class AnswerMade(Fact, frozen=True, tag="work.answer_made"):
    """The whole answer: from here on the job is never generated again."""

    text: str
    response_cid: str
    prompt_tokens: int
    completion_tokens: int
    completion_ids: tuple[int, ...]
    started_at: int
    completed_at: int
    finish_reason: FinishReason
    sampling: Sampling
    engine: Description


class AnswerSent(Fact, frozen=True, tag="work.answer_sent"):
    """The answer went on chain before its proof, because the lease was about to run out."""

    key: str


class ReceiptProved(Fact, frozen=True, tag="work.receipt_proved"):
    """`proof` is the eight words of the contract's call, 256 bytes; `document_cid` names the signed receipt."""

    proof: bytes
    amount: Wei
    commitment: Wei
    document_cid: str


class DocumentPublished(Fact, frozen=True, tag="work.document_published"):
    """The API has the signed receipt document, or said why it never will: `refusal` is empty when it has it."""

    refusal: str = ""


class SettlementSent(Fact, frozen=True, tag="work.settlement_sent"):
    """The receipts of the jobs that bear the same `key` were handed to the relayer, in the order of `place`."""

    key: str
    place: int


class SettlementRefused(Fact, frozen=True, tag="work.settlement_refused"):
    """The chain did not take the receipt; it may be sent again."""

    reason: str


class Settled(Fact, frozen=True, tag="work.settled"):
    """The receipt was accepted, in a block that is final."""


class Abandoned(Fact, frozen=True, tag="work.abandoned"):
    """We shall not be paid for this job, and do no more about it."""

    reason: str


WorkFact = (
    JobAccepted | ClaimSent | ClaimLost | AnswerMade | AnswerSent | ReceiptProved | DocumentPublished
    | SettlementSent | SettlementRefused | Settled | Abandoned
)  # fmt: skip
KINDS: Any = AnyFact | WorkFact
"""What the worker's own ledger holds: its journal and its relayer's transactions."""


class Work(Struct, frozen=True):
    """Where one job stands with us. `claims` and `settlements` count attempts, so that each has a key of its own."""

    job_id: int
    accepted_at: int
    version: int
    claim: ClaimSent | None = None
    claims: int = 0
    answer: AnswerMade | None = None
    answer_sent: AnswerSent | None = None
    receipt: ReceiptProved | None = None
    is_published: bool = False
    settlement: SettlementSent | None = None
    settlements: int = 0
    refusal: str = ""
    end: Settled | Abandoned | None = None


def fold(work: Work | None, fact: WorkFact, version: int) -> Work | None:
    """The work after `fact`; None until it was accepted."""
    if work is None:
        return Work(fact.job_id, fact.at, version) if isinstance(fact, JobAccepted) else None
    return replace(_advance(work, fact), version=version)


def _advance(work: Work, fact: WorkFact) -> Work:
    match fact:
        case ClaimSent():
            return replace(work, claim=fact, claims=work.claims + 1)
        case ClaimLost():  # the contract forgets an answer with its lease, the answer itself stays good
            return replace(work, claim=None, answer_sent=None, settlement=None)
        case AnswerMade():
            return replace(work, answer=work.answer or fact)
        case AnswerSent():
            return replace(work, answer_sent=fact)
        case ReceiptProved():
            return replace(work, receipt=fact)
        case DocumentPublished():
            return replace(work, is_published=True)
        case SettlementSent():
            return replace(work, settlement=fact, settlements=work.settlements + 1)
        case SettlementRefused():
            return replace(work, settlement=None, refusal=fact.reason)
        case Settled() | Abandoned():
            return replace(work, end=fact)
        case _:
            return work


class Journal:
    """The works of one worker at one coordinator, always as its ledger has them. Made by `load`."""

    def __init__(self, ledger: Ledger, prefix: str, works: Mapping[int, Work]) -> None:
        self._ledger = ledger
        self._prefix = prefix
        self._works = dict(works)
        self._open = {job_id for job_id, work in works.items() if work.end is None}
        self._unpublished = {job_id for job_id, work in works.items() if work.receipt and not work.is_published}
        self._recording = asyncio.Lock()
        self._fresh = asyncio.Event()

    @classmethod
    def load(cls, ledger: Ledger, chain_id: int, coordinator: bytes, worker: bytes) -> "Journal":
        """Reads everything this worker ever did there. Blocking."""
        prefix = f"work:{chain_id}:0x{coordinator.hex()}:0x{worker.hex()}:"
        return cls(ledger, prefix, _read(ledger, prefix))

    def get(self, job_id: int) -> Work | None:
        """The work on a job, an ended one too."""
        return self._works.get(job_id)

    def __iter__(self) -> Iterator[Work]:
        """The works that have not ended, in the order of their jobs."""
        return iter([self._works[job_id] for job_id in sorted(self._open)])

    def unpublished(self) -> list[Work]:
        """Works whose receipt document the API is not known to have."""
        return [self._works[job_id] for job_id in sorted(self._unpublished)]

    async def wait_unpublished(self, timeout_s: float) -> None:
        """Returns when there is a new receipt to publish, or after `timeout_s`."""
        self._fresh.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._fresh.wait()

    async def record(self, facts: Mapping[int, WorkFact]) -> None:
        """One fact for each job, all or none. Raises Conflict when another process writes for the same worker."""
        async with self._recording:
            versions = {job_id: work.version + 1 if (work := self.get(job_id)) else 1 for job_id in facts}
            recorded = [Recorded(f"{self._prefix}{job}", versions[job], fact) for job, fact in facts.items()]
            await asyncio.to_thread(self._ledger.record, *recorded)
            for job_id, fact in facts.items():
                work = fold(self.get(job_id), fact, versions[job_id])
                if work is not None:
                    self._keep(work)
            if any(isinstance(fact, ReceiptProved) for fact in facts.values()):
                self._fresh.set()

    def sharing_claim(self, key: str) -> list[Work]:
        """The open works whose claim bears `key`."""
        return [work for work in self if work.claim is not None and work.claim.key == key]

    def sharing_settlement(self, key: str) -> list[Work]:
        """The open works whose settlement bears `key`, in the order they were sent."""
        sharing = [(work.settlement.place, work) for work in self if work.settlement and work.settlement.key == key]
        return [work for _, work in sorted(sharing, key=lambda placed: placed[0])]

    def _keep(self, work: Work) -> None:
        self._works[work.job_id] = work
        _put(self._open, work.job_id, work.end is None)
        _put(self._unpublished, work.job_id, work.receipt is not None and not work.is_published)
        if work.end is not None and work.is_published:  # nobody will ask for the answer again
            self._works[work.job_id] = replace(work, answer=None, receipt=None)


def _put(group: set[int], member: int, belongs: bool) -> None:
    (group.add if belongs else group.discard)(member)


def _read(ledger: Ledger, prefix: str) -> dict[int, Work]:
    works: dict[int, Work] = {}
    position = 0
    while page := ledger.after(position, PAGE):
        position = page[-1][0]
        for _, recorded in page:
            if recorded.originator_id.startswith(prefix) and isinstance(recorded.fact, WorkFact):
                job_id = int(recorded.originator_id.removeprefix(prefix))
                work = fold(works.get(job_id), recorded.fact, recorded.originator_version)
                if work is not None:
                    works[job_id] = work
    return works
