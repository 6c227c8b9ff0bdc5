"""Figures that analysts ask for again and again, as views over the tables."""

from msgspec import Struct

MICROSECONDS = {"hour": 3_600_000_000, "day": 86_400_000_000}
"""Periods in UTC, whatever zone a reader has set; DuckDB's calendar would also cost more than all the rest."""


class View(Struct, frozen=True):
    name: str
    comment: str
    sql: str
    columns: dict[str, str]


def periods(unit: str, jobs: str = "jobs", receipts: str = "receipts", within: str = "true") -> str:
    """What happened in each period, each thing in the period of its own time. `within` narrows the times: {0}."""
    return f"""
WITH happened AS (
    SELECT requested_at AS moment, 1 AS requested, 0 AS answered, 0 AS settled, 0 AS returned, 0::HUGEINT AS earned,
           0 AS prompt_tokens, 0 AS completion_tokens, NULL::DOUBLE AS inference_s, NULL::BIGINT AS gas_used
    FROM {jobs} WHERE {within.format("requested_at")}
    UNION ALL
    SELECT completed_at, 0, 1, 0, 0, 0, 0, 0, NULL, NULL FROM {jobs}
    WHERE completed_at IS NOT NULL AND {within.format("completed_at")}
    UNION ALL
    SELECT closed_at, 0, 0, 0, 1, 0, 0, 0, NULL, NULL FROM {jobs}
    WHERE state IN ('cancelled', 'expired') AND {within.format("closed_at")}
    UNION ALL
    SELECT settled_at, 0, 0, 1, 0, amount, coalesce(prompt_tokens, 0), coalesce(completion_tokens, 0),
           (epoch_us(completed_at) - epoch_us(started_at)) / 1e6, gas_used
    FROM {receipts} WHERE state = 'verified' AND {within.format("settled_at")}
)
SELECT make_timestamptz(epoch_us(moment) // {MICROSECONDS[unit]} * {MICROSECONDS[unit]}) AS {unit},
       sum(requested)::BIGINT AS requested,
       sum(answered)::BIGINT AS answered,
       sum(settled)::BIGINT AS settled,
       sum(returned)::BIGINT AS returned,
       sum(earned)::HUGEINT AS earned,
       sum(prompt_tokens)::BIGINT AS prompt_tokens,
       sum(completion_tokens)::BIGINT AS completion_tokens,
       median(inference_s) AS inference_s_median,
       median(gas_used)::BIGINT AS gas_used_median
FROM happened GROUP BY epoch_us(moment) // {MICROSECONDS[unit]}"""


def _period_columns(unit: str) -> dict[str, str]:
    return {
        unit: f"Start of the {unit}, UTC",
        "requested": "Jobs ordered",
        "answered": "Jobs answered",
        "settled": "Jobs paid after a verified receipt",
        "returned": "Jobs cancelled or expired",
        "earned": "Wei earned by workers",
        "prompt_tokens": "Prompt tokens of settled jobs whose receipt was published",
        "completion_tokens": "Completion tokens of settled jobs whose receipt was published",
        "inference_s_median": "Median seconds of inference of those jobs, by the workers' clocks",
        "gas_used_median": "Median gas of the transactions that settled jobs",
    }


_LEADERBOARD = """
WITH work AS (
    SELECT worker, sum(completion_tokens)::BIGINT AS completion_tokens,
           sum(epoch_us(completed_at) - epoch_us(started_at)) / 1e6 AS inference_s
    FROM receipts WHERE state = 'verified' AND receipt_cid IS NOT NULL GROUP BY worker
)
SELECT rank() OVER (ORDER BY n.earned DESC, n.settled DESC) AS place, n.address, n.state, n.earned, n.settled,
       n.completed, n.claims, n.leases_lost, n.unproven,
       CASE WHEN n.claims > 0 THEN n.settled / n.claims END AS settled_share,
       coalesce(w.completion_tokens, 0) AS completion_tokens,
       CASE WHEN w.inference_s > 0 THEN w.completion_tokens / w.inference_s END AS tokens_per_s
FROM nodes n LEFT JOIN work w ON w.worker = n.address"""

VIEWS = (
    View("hourly_stats", "What happened in each hour in which anything did", periods("hour"), _period_columns("hour")),
    View("daily_stats", "What happened on each day on which anything did", periods("day"), _period_columns("day")),
    View(
        "leaderboard",
        "Nodes by what they earned with verified receipts; work without a receipt raises nothing",
        _LEADERBOARD,
        {
            "place": "Rank by earnings, then by settled jobs",
            "address": "The node",
            "state": "active, unbonding or withdrawn",
            "earned": "Wei earned by verified receipts",
            "settled": "Jobs paid after a verified receipt",
            "completed": "Jobs answered",
            "claims": "Jobs claimed",
            "leases_lost": "Leases that ran out before an answer",
            "unproven": "Answers refunded because no proof came",
            "settled_share": "Settled jobs by claims",
            "completion_tokens": "Completion tokens of settled jobs whose receipt was published",
            "tokens_per_s": "Completion tokens a second of inference, by the node's clock",
        },
    ),
)
