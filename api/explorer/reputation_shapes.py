"""What readers get who ask for a node's reputation: figures, each with the address of what it comes from."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.rendering import Time, TimeMs, Wei
from receipts.reputation import Ending, Standing, Worth

Share = Annotated[float, Meta(ge=0, le=1)]
Link = Annotated[str, Meta(description="Where these outcomes are listed, as of the same block")]


class CountOut(Struct, frozen=True):
    count: int
    evidence: Link


class CountsOut(Struct, frozen=True):
    """Outcomes in the window. Proven: verified by the contract and paid for by somebody else. Unpaid: verified, for
    nothing. Own: ordered by the node itself. Failed: a receipt that contradicts its job. Unproven: answered, and no
    proof came. Lost: claimed, and not answered in time. Pending: answered, not decided yet."""

    proven: CountOut
    unpaid: CountOut
    own: CountOut
    failed: CountOut
    unproven: CountOut
    lost: CountOut
    pending: CountOut
    slashed: CountOut


class PercentilesOut(Struct, frozen=True):
    p50: int
    p90: int
    p99: int


class OutcomeOut(Struct, frozen=True):
    """How one job ended, or a slash (without a job). `amount` was paid, or taken. Tokens and the times `started_at` and
    `completed_at` are the node's own word; `source` is the receipt or event that tells it."""

    ending: Ending
    worth: Worth
    at: Time
    block: int
    job_id: str | None
    log_index: int | None
    controller: str | None
    amount: Wei
    claimed_at: Time | None
    answered_at: Time | None
    prompt_tokens: int | None
    completion_tokens: int | None
    started_at: TimeMs | None
    completed_at: TimeMs | None
    source: str


class ReputationOut(Struct, frozen=True):
    """What a node's outcomes between `since` and `until` come to, by `rule`. Times, tokens, earnings and customers are
    of proven work alone; `score` (0 to 100) is what is at least likely of its success; of few proven jobs the standing
    is `probation`. `disputes` is null: the contracts have none yet. `outcomes` are there when evidence is included."""

    rule: Literal["tallystick-reputation-1"]
    node: str
    window: str
    since: Time
    until: Time
    standing: Standing
    score: Annotated[float, Meta(ge=0, le=100)]
    counts: CountsOut
    success_rate: Share | None
    customers: int
    earned: Wei
    stake_lost: Wei
    answer_s: PercentilesOut | None
    inference_ms: PercentilesOut | None
    completion_tokens: int
    tokens_per_s: float | None
    disputes: None
    evidence: Link
    outcomes: list[OutcomeOut] | None = None
