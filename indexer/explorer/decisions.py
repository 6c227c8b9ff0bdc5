"""What operators decided about parked facts: decisions are facts too, so that every rebuild abides by them."""

import time
from collections.abc import Callable

import duckdb
from msgspec import Struct

from domain.facts import ParkedDropped
from domain.ledger import Ledger, Recorded

from .errors import ExplorerError
from .sources import parked

Place = tuple[int, int]
"""Block and log index of a fact."""


class NotParked(ExplorerError):
    """There is no such parked fact to decide about."""


class Parked(Struct, frozen=True):
    """A fact without consequences: at which place, of which event, for what reason, and whether that is decided."""

    block: int
    log_index: int
    name: str
    reason: str
    is_dropped: bool


def read_parked(cursor: duckdb.DuckDBPyConnection) -> list[Parked]:
    """All parked facts of final blocks, in their order."""
    found = cursor.execute(
        "SELECT p.block, p.log_index, p.name, p.reason, d.block IS NOT NULL FROM final.parked p "
        "LEFT JOIN final.dropped d ON d.block = p.block AND d.log_index = p.log_index ORDER BY p.block, p.log_index"
    ).fetchall()
    return [Parked(*row) for row in found]


def dropped(ledger: Ledger, chain_id: int) -> dict[Place, str]:
    """The facts that are to be parked whatever the rules say, each with the reason it was parked for."""
    facts = [each.fact for each in ledger.stream(parked(chain_id))]
    return {(fact.block, fact.log_index): fact.reason for fact in facts if isinstance(fact, ParkedDropped)}


def drop(
    ledger: Ledger, chain_id: int, place: Place, reason: str, clock: Callable[[], float] = time.time
) -> ParkedDropped:
    """Records that a parked fact stays without consequences, for good. Raises NotParked if that was decided before."""
    decided = ledger.stream(parked(chain_id))
    if place in dropped(ledger, chain_id):
        raise NotParked(f"block {place[0]}, log {place[1]} was dropped before: nothing is left to decide")
    fact = ParkedDropped(*place, reason, int(clock() * 1000))
    ledger.record(Recorded(parked(chain_id), len(decided) + 1, fact))
    return fact
