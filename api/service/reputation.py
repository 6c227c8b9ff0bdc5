"""Reputations as the index has them: a node and a window come in, what the one rule makes of its outcomes goes out."""

import re
from collections import defaultdict

from msgspec import Struct
from msgspec.structs import asdict

from indexer.explorer.outcomes import OutcomeRow
from indexer.explorer.queries import Queries
from indexer.explorer.rows import Head
from receipts.reputation import (
    OUTCOMES_MAX,
    Counts,
    Outcome,
    Reputation,
    Standing,
    reckon,
    score_of,
    standing_of,
    success_rate_of,
)

WINDOW = "^(all|[1-9][0-9]{0,3}[hd])$"
WINDOW_USUAL = "30d"

_SECONDS = {"h": 3600, "d": 86_400}


class Reckoned(Struct, frozen=True):
    """A reputation, the outcomes that it comes from, newest first, and the head that they were read at."""

    head: Head
    reputation: Reputation
    outcomes: tuple[Outcome, ...]


class Summary(Struct, frozen=True):
    """What fits into a column of a list of nodes."""

    standing: Standing
    score: float
    success_rate: float | None
    counts: Counts


def window_s(text: str) -> int | None:
    """`30d` or `12h` in seconds, None for `all`. The text must fit WINDOW."""
    return None if text == "all" else int(re.sub("[hd]", "", text)) * _SECONDS[text[-1]]


def reputation_of(queries: Queries, node: str, window: str = WINDOW_USUAL) -> Reckoned | None:
    """None for an address that was never registered. Raises BadMoment where the queries are of another moment."""
    node = node.lower()
    if queries.node(node) is None:
        return None
    found = queries.outcomes(node, window_s(window), OUTCOMES_MAX)
    outcomes = tuple(map(_outcome, found.rows))
    return Reckoned(found.head, reckon(node, found.since, found.until, outcomes), outcomes)


def summaries(queries: Queries, window: str = WINDOW_USUAL) -> dict[str, Summary]:
    """Of all nodes with any outcome in the window, by address; in one question, whatever their number."""
    tallies: dict[str, dict[str, int]] = defaultdict(dict)
    for row in queries.endings(window_s(window)):
        tallies[row.node][row.worth] = row.count
    counted = {node: Counts(**tally) for node, tally in tallies.items()}
    return {
        node: Summary(standing_of(counts), score_of(counts), success_rate_of(counts), counts)
        for node, counts in counted.items()
    }


def _outcome(row: OutcomeRow) -> Outcome:
    return Outcome(**asdict(row))
