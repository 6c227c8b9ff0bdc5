"""A reputation as the rule has it to the explorer's JSON: pure, no HTTP."""

from api.explorer.reputation_shapes import CountOut, CountsOut, OutcomeOut, PercentilesOut, ReputationOut
from api.rendering import render
from api.service.reputation import Reckoned
from indexer.explorer.outcomes import OutcomeRow
from indexer.explorer.rows import Head
from receipts.reputation import WORTHS, Outcome, Percentiles, Worth

EXPLORER = "/explorer/v1"


def reputation_out(found: Reckoned, window: str, with_evidence: bool) -> ReputationOut:
    told = found.reputation

    def evidence(worth: Worth | None = None) -> str:
        narrowed = f"&worth={worth}" if worth else ""
        return f"{EXPLORER}/nodes/{told.node}/reputation/evidence?window={window}&as_of={_moment(found.head)}{narrowed}"

    counts = {worth: CountOut(getattr(told.counts, worth), evidence(worth)) for worth in WORTHS}
    return render(
        told,
        ReputationOut,
        window=window,
        counts=CountsOut(**counts),
        answer_s=_percentiles(told.answer_s),
        inference_ms=_percentiles(told.inference_ms),
        evidence=evidence(),
        outcomes=list(map(outcome_out, found.outcomes)) if with_evidence else None,
    )


def outcome_out(outcome: Outcome | OutcomeRow) -> OutcomeOut:
    job = None if outcome.job_id is None else str(outcome.job_id)
    return render(outcome, OutcomeOut, job_id=job, source=_source(outcome))


def _source(outcome: Outcome | OutcomeRow) -> str:
    """Where the receipt is, or the event of what left none."""
    if outcome.ending == "lost":
        return f"{EXPLORER}/events?block={outcome.block}&job_id={outcome.job_id}&name=LeaseExpired"
    if outcome.ending == "slashed":
        return f"{EXPLORER}/events?block={outcome.block}&name=NodeSlashed"
    return f"{EXPLORER}/receipts/{outcome.job_id}"


def _moment(head: Head) -> str:
    return head.hash or str(max(head.number, 0))


def _percentiles(found: Percentiles | None) -> PercentilesOut | None:
    return None if found is None else render(found, PercentilesOut)
