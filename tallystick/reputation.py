"""A reputation as it is told comes in, by file or address; what its own evidence says comes out, beside it."""

from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from receipts.reputation import (
    RULE,
    Counts,
    Ending,
    Outcome,
    Percentiles,
    Reputation,
    Standing,
    Worth,
    check,
    differences,
    reckon,
)

TIMEOUT_S = 60.0
EVIDENCE = {"include": "evidence"}


class Unreadable(Exception):
    """What was named is no reputation with its evidence, or cannot be had; the message says why and what to do."""


class Count(Struct, frozen=True):
    count: int


class OutcomeIn(Struct, frozen=True):
    """An outcome as /explorer/v1 writes it."""

    ending: Ending
    worth: Worth
    at: datetime
    block: int
    job_id: int | None
    log_index: int | None
    controller: str | None
    amount: int
    claimed_at: datetime | None
    answered_at: datetime | None
    prompt_tokens: int | None
    completion_tokens: int | None
    started_at: datetime | None
    completed_at: datetime | None


class ReputationIn(Struct, frozen=True):
    """A reputation as /explorer/v1 writes it. Without `outcomes` there is nothing to recompute it from."""

    rule: str
    node: str
    since: datetime
    until: datetime
    standing: Standing
    score: float
    counts: dict[Worth, Count]
    success_rate: float | None
    customers: int
    earned: int
    stake_lost: int
    answer_s: Percentiles | None
    inference_ms: Percentiles | None
    completion_tokens: int
    tokens_per_s: float | None
    outcomes: list[OutcomeIn] | None = None


class Answer(Struct, frozen=True):
    data: ReputationIn


class Compared(Struct, frozen=True):
    """What was told, what follows from its evidence, and where the two differ."""

    node: str
    outcomes: int
    told: Reputation
    found: Reputation
    differences: list[str]


def fetch(address: str) -> bytes:
    """Raises Unreadable."""
    try:
        url = httpx.URL(address).copy_merge_params(EVIDENCE)
        answer = httpx.get(url, timeout=TIMEOUT_S, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        raise Unreadable(f"{address} cannot be read: {fault}") from None
    if answer.status_code != httpx.codes.OK:
        raise Unreadable(f"{address} answers {answer.status_code}: {_reason(answer)}")
    return answer.content


def read(path: Path) -> bytes:
    """Raises Unreadable."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise Unreadable(f"{path} cannot be read: {fault.strerror}; name a file or an address (https://...)") from None


def compare(answer: bytes) -> Compared:
    """Raises Unreadable, and BadEvidence where the evidence contradicts itself."""
    told = _decoded(answer)
    if told.rule != RULE:
        raise Unreadable(
            f"it follows rule {told.rule!r}, and this program knows {RULE!r}: use the version it came with"
        )
    if told.outcomes is None:
        raise Unreadable("it comes without its evidence: ask for it with `?include=evidence`")
    since, until = _seconds(told.since), _seconds(told.until)
    outcomes = [_outcome(each) for each in told.outcomes]
    check(told.node, since, until, outcomes)
    found = reckon(told.node, since, until, outcomes)
    said = _reputation(told, since, until)
    return Compared(told.node, len(outcomes), said, found, differences(said, found))


def _decoded(answer: bytes) -> ReputationIn:
    try:
        return msgspec.json.decode(answer, type=Answer, strict=False).data
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise Unreadable(f"it is no reputation as /explorer/v1/nodes/ADDRESS/reputation writes it: {fault}") from None


def _reputation(told: ReputationIn, since: int, until: int) -> Reputation:
    fields = {name: getattr(told, name) for name in Reputation.__struct_fields__ if hasattr(told, name)}
    counts = Counts(**{worth: count.count for worth, count in told.counts.items()})
    return Reputation(**fields | {"since": since, "until": until, "counts": counts})


def _outcome(told: OutcomeIn) -> Outcome:
    fields: dict[str, Any] = msgspec.structs.asdict(told)
    seconds = {name: _seconds(fields[name]) for name in ("at", "claimed_at", "answered_at") if fields[name]}
    ms = {name: round(fields[name].timestamp() * 1000) for name in ("started_at", "completed_at") if fields[name]}
    return Outcome(**fields | seconds | ms)


def _seconds(moment: datetime) -> int:
    return round(moment.timestamp())


def _reason(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['detail']} {problem['remedy']}"
    except (ValueError, KeyError, TypeError):
        return "is it the address of a reputation, .../explorer/v1/nodes/ADDRESS/reputation?"
