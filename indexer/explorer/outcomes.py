"""How the jobs of nodes ended: a node and a window come in, its outcomes go out; or of all nodes, how many of each.

What an outcome is worth to a reputation is said here as a verifier without an index says it from the same figures.
"""

from collections.abc import Sequence

import duckdb
from msgspec import Struct

from .aggregates import JOBS, RECEIPTS
from .listing import At
from .records import BLOCKS, EVENTS, PARKED
from .relations import relation
from .rows import Head, Row

NEVER = 1 << 62

_WORTH = (
    "CASE WHEN ending <> 'verified' THEN ending WHEN controller = worker THEN 'own' WHEN amount > 0 THEN 'proven' "
    "ELSE 'unpaid' END"
)
_NEWEST_FIRST = "ORDER BY block DESC, log_index DESC NULLS LAST, job_id DESC"
_WEIGHED = "worth IN ('proven', 'failed', 'unproven', 'lost', 'slashed')"


class OutcomeRow(Row):
    """How one job of a node ended, or that it was slashed, in block `block` at `at`. Amounts are wei."""

    ending: str
    worth: str
    at: int
    block: int
    job_id: int | None
    log_index: int | None
    controller: str | None
    amount: int
    claimed_at: int | None
    answered_at: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    started_at: int | None
    completed_at: int | None


class Outcomes(Struct, frozen=True):
    """The outcomes of a window, newest first, and the head they were read at. Times are Unix seconds."""

    head: Head
    since: int
    until: int
    rows: tuple[OutcomeRow, ...]


class EndingsRow(Row):
    """How many outcomes of one worth a node has in a window."""

    node: str
    worth: str
    count: int


def read_outcomes(
    cursor: duckdb.DuckDBPyConnection, node: str, window_s: int | None, most: int, head: Head, at: At | None
) -> Outcomes:
    """At most `most` that weigh and `most` that do not, the newest. `cursor` must see one moment."""
    since, until, first = _window(cursor, window_s, at)
    found = cursor.execute(
        f"SELECT ending, {_WORTH} AS worth, ended_at, block, job_id, log_index, controller, amount, claimed_at, "
        "answered_at, prompt_tokens, completion_tokens, started_at, completed_at "
        f"FROM ({_endings(at, 'AND {0} = $node')}) "
        f"QUALIFY row_number() OVER (PARTITION BY {_WEIGHED} {_NEWEST_FIRST}) <= $most {_NEWEST_FIRST}",
        {"node": node, "first": first, "most": most},
    )
    return Outcomes(head, since, until, tuple(OutcomeRow(*values) for values in found.fetchall()))


def count_endings(cursor: duckdb.DuckDBPyConnection, window_s: int | None, at: At | None) -> Sequence[EndingsRow]:
    """Of every node that has any in the window."""
    *_, first = _window(cursor, window_s, at)
    found = cursor.execute(
        f"SELECT worker, {_WORTH} AS worth, count(*) FROM ("
        f"SELECT worker, state AS ending, controller, coalesce(amount, 0) AS amount FROM {relation(RECEIPTS, at)} "
        f"WHERE block >= $first UNION ALL SELECT worker, ending, NULL, 0 FROM ({_incidents(at, '')})"
        ") GROUP BY ALL ORDER BY ALL",
        {"first": first},
    )
    return [EndingsRow(*values) for values in found.fetchall()]


def _window(cursor: duckdb.DuckDBPyConnection, window_s: int | None, at: At | None) -> tuple[int, int, int]:
    """Its first and its last second, and its first block: it ends with the newest block, whatever our clock says."""
    blocks = relation(BLOCKS, at)
    until = cursor.execute(f"SELECT coalesce(epoch_us(max(timestamp)) // 1000000, 0) FROM {blocks}").fetchall()[0][0]
    since = 0 if window_s is None else max(0, until - window_s)
    first = cursor.execute(
        f"SELECT coalesce(min(number), {NEVER}) FROM {blocks} WHERE timestamp >= make_timestamptz(? * 1000000::BIGINT)",
        [since],
    ).fetchall()
    return since, until, first[0][0]


def _endings(at: At | None, of: str) -> str:
    """A query for all outcomes from block $first on; `of` narrows them to a node, whose column it is given.

    A document counts here for a verified receipt alone: its commitment binds worker and answer too.
    """
    receipts, jobs, blocks = (relation(each, at) for each in (RECEIPTS, JOBS, BLOCKS))
    return f"""
SELECT r.worker, r.state AS ending, epoch_us(coalesce(r.settled_at, j.closed_at, r.answered_at)) // 1000000 AS ended_at,
       r.block, r.job_id, r.log_index, r.controller, coalesce(r.amount, 0) AS amount,
       epoch_us(j.claimed_at) // 1000000 AS claimed_at, epoch_us(r.answered_at) // 1000000 AS answered_at,
       d.prompt_tokens, d.completion_tokens, epoch_us(d.started_at) // 1000 AS started_at,
       epoch_us(d.completed_at) // 1000 AS completed_at
FROM {receipts} r JOIN {jobs} j ON j.job_id = r.job_id
     LEFT JOIN final.documents d ON d.job_id = r.job_id AND d.commitment = r.commitment
WHERE r.block >= $first {of.format("r.worker")}
UNION ALL
SELECT worker, ending, epoch_us(b.timestamp) // 1000000, e.block, job_id, log_index, NULL,
       coalesce(amount, 0), NULL, NULL, NULL, NULL, NULL, NULL
FROM ({_incidents(at, of)}) e JOIN {blocks} b ON b.number = e.block"""


def _incidents(at: At | None, of: str) -> str:
    """What leaves no receipt: leases lost and slashes, but for those that were parked.

    Apart, as the arguments of events are packed, and leases are lost all over the table.
    """
    events, parked = (relation(each, at) for each in (EVENTS, PARKED))
    told = f"FROM {events} e ANTI JOIN {parked} USING (block, log_index) WHERE block >= $first {of.format('address')}"
    return (
        "SELECT address AS worker, 'lost' AS ending, block, job_id, log_index, NULL::HUGEINT AS amount "
        f"{told} AND name = 'LeaseExpired' UNION ALL "
        "SELECT address, 'slashed', block, job_id, log_index, (args ->> 'amount')::HUGEINT "
        f"{told} AND name = 'NodeSlashed'"
    )
