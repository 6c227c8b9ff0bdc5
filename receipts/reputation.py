"""What a node's jobs say of it: how each ended comes in, figures, a standing and a score go out. Needs no index.

The score is the lower bound of a 95 % confidence interval (Wilson) for the share of jobs that a node was paid for after
it had proved its receipt, in percent: a node of which little is known scores low, and rises by doing. Whatever was not
paid, not proved, or ordered by the node itself is counted and told, and can never raise it; failures, and slashes ten
times over, lower it.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, get_args

import msgspec
from msgspec import Struct

RULE = "tallystick-reputation-1"
OUTCOMES_MAX = 10_000
"""Of all that may raise or lower the score, and of all that may not, so many count: the newest."""

PROBATION_JOBS = 20
Z = 1.96
SLASH_WEIGHT = 10

Ending = Literal["verified", "failed", "unproven", "lost", "pending", "slashed"]
Worth = Literal["proven", "unpaid", "own", "failed", "unproven", "lost", "pending", "slashed"]
Standing = Literal["unknown", "probation", "established"]

WORTHS: tuple[Worth, ...] = get_args(Worth)
WEIGHED: tuple[Worth, ...] = ("proven", "failed", "unproven", "lost", "slashed")


class BadEvidence(Exception):
    """The evidence contradicts itself; the message says where."""


class Outcome(Struct, frozen=True):
    """How one job of a node ended, or that it was slashed (then without a job), in block `block` at `at`.

    `at`, `claimed_at` and `answered_at` are Unix seconds of the chain; `started_at` and `completed_at` Unix
    milliseconds by the node's clock, and the tokens its word, as its document for a verified receipt has them.
    `amount` is wei: paid for a verified receipt, taken by a slash.
    """

    ending: Ending
    worth: Worth
    at: int
    block: int
    job_id: int | None = None
    log_index: int | None = None
    controller: str | None = None
    amount: int = 0
    claimed_at: int | None = None
    answered_at: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    started_at: int | None = None
    completed_at: int | None = None

    @property
    def name(self) -> str:
        return (
            f"job {self.job_id}, {self.ending}" if self.job_id is not None else f"{self.ending} in block {self.block}"
        )


class Percentiles(Struct, frozen=True):
    """Of whole numbers, by nearest rank."""

    p50: int
    p90: int
    p99: int


class Counts(Struct, frozen=True):
    """Outcomes by what they are worth."""

    proven: int = 0
    unpaid: int = 0
    own: int = 0
    failed: int = 0
    unproven: int = 0
    lost: int = 0
    pending: int = 0
    slashed: int = 0

    @property
    def failures(self) -> int:
        return self.failed + self.unproven + self.lost


class Reputation(Struct, frozen=True):
    """What the outcomes of one node in one window come to. A figure of nothing is None."""

    rule: str
    node: str
    since: int
    until: int
    standing: Standing
    score: float
    counts: Counts
    success_rate: float | None
    customers: int
    earned: int
    stake_lost: int
    answer_s: Percentiles | None
    inference_ms: Percentiles | None
    completion_tokens: int
    tokens_per_s: float | None
    disputes: None = None


def worth_of(node: str, ending: Ending, controller: str | None, amount: int) -> Worth:
    """Only what was proved and paid for by somebody else is proven work."""
    if ending != "verified":
        return ending
    if controller == node:
        return "own"
    return "proven" if amount > 0 else "unpaid"


def score_of(counts: Counts) -> float:
    """0 to 100."""
    tries = counts.proven + counts.failures + SLASH_WEIGHT * counts.slashed
    if not counts.proven:
        return 0.0
    share, spread = counts.proven / tries, Z * Z / tries
    middle = share + spread / 2
    reach = Z * math.sqrt((share * (1 - share) + spread / 4) / tries)
    return round(100 * (middle - reach) / (1 + spread), 1)


def standing_of(counts: Counts) -> Standing:
    if not counts.proven:
        return "unknown"
    return "established" if counts.proven >= PROBATION_JOBS else "probation"


def success_rate_of(counts: Counts) -> float | None:
    ended = counts.proven + counts.failures
    return round(counts.proven / ended, 4) if ended else None


def reckon(node: str, since: int, until: int, outcomes: Sequence[Outcome]) -> Reputation:
    """The reputation that follows from these outcomes, and from nothing else."""
    tally = Counter(outcome.worth for outcome in outcomes)
    counts = Counts(**{worth: tally[worth] for worth in WORTHS})
    proven = [outcome for outcome in outcomes if outcome.worth == "proven"]
    tokens, seconds = _work(proven)
    return Reputation(
        rule=RULE,
        node=node,
        since=since,
        until=until,
        standing=standing_of(counts),
        score=score_of(counts),
        counts=counts,
        success_rate=success_rate_of(counts),
        customers=len({outcome.controller for outcome in proven}),
        earned=sum(outcome.amount for outcome in proven),
        stake_lost=sum(outcome.amount for outcome in outcomes if outcome.worth == "slashed"),
        answer_s=_percentiles(_spans(proven, lambda each: (each.claimed_at, each.answered_at))),
        inference_ms=_percentiles(_spans(proven, lambda each: (each.started_at, each.completed_at))),
        completion_tokens=tokens,
        tokens_per_s=round(tokens / seconds, 2) if seconds else None,
    )


def check(node: str, since: int, until: int, outcomes: Sequence[Outcome]) -> None:
    """That each outcome is worth what its own figures say, lies in the window, and is told once. Raises BadEvidence."""
    seen: set[tuple[object, ...]] = set()
    for outcome in outcomes:
        worth = worth_of(node, outcome.ending, outcome.controller, outcome.amount)
        if outcome.worth != worth:
            raise BadEvidence(f"{outcome.name}: it is told as {outcome.worth} and is {worth}")
        if not since <= outcome.at <= until:
            raise BadEvidence(f"{outcome.name}: its time {outcome.at} lies outside the window, {since} to {until}")
        if (identity := _identity(outcome)) in seen:
            raise BadEvidence(f"{outcome.name}: it is listed twice")
        seen.add(identity)


def differences(told: Reputation, found: Reputation) -> list[str]:
    """Which figures are told otherwise than they were found."""
    return [
        f"{name}: told {_shown(getattr(told, name))}, the receipts say {_shown(getattr(found, name))}"
        for name in Reputation.__struct_fields__
        if getattr(told, name) != getattr(found, name)
    ]


def _identity(outcome: Outcome) -> tuple[object, ...]:
    """A job has one answer at most; it may be claimed and lost again and again."""
    if outcome.ending in ("lost", "slashed"):
        return outcome.ending, outcome.block, outcome.log_index
    return "answered", outcome.job_id


def _work(proven: Iterable[Outcome]) -> tuple[int, float]:
    """Completion tokens and seconds of inference, of those whose document tells both."""
    told = [
        (each.completion_tokens, each.completed_at - each.started_at)
        for each in proven
        if each.completion_tokens is not None and each.started_at is not None and each.completed_at is not None
    ]
    return sum(tokens for tokens, _ in told), sum(max(0, ms) for _, ms in told) / 1000


def _spans(proven: Iterable[Outcome], ends: Callable[[Outcome], tuple[int | None, int | None]]) -> list[int]:
    pairs = map(ends, proven)
    return sorted(max(0, end - begin) for begin, end in pairs if begin is not None and end is not None)


def _percentiles(ordered: Sequence[int]) -> Percentiles | None:
    if not ordered:
        return None
    return Percentiles(*(ordered[-(-len(ordered) * percent // 100) - 1] for percent in (50, 90, 99)))


def _shown(value: object) -> str:
    return msgspec.json.encode(value).decode()
