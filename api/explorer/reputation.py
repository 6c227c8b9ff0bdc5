"""The reputation of a node: what its jobs say of it, and every outcome that this comes from."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from litestar import get
from litestar.params import QueryParameter

from api.explorer.cursors import BadCursor
from api.explorer.parameters import ITEM_FAULTS, LIST_FAULTS, AddressPath, AsOf, Cursor, Limit, moment_named
from api.explorer.reading import Reader
from api.explorer.reputation_shapes import OutcomeOut, ReputationOut
from api.explorer.reputation_words import outcome_out, reputation_out
from api.explorer.shapes import OneOut, PageOut
from api.given import Given
from api.service.reputation import WINDOW, WINDOW_USUAL, reputation_of, window_s
from indexer.explorer.listing import Page
from indexer.explorer.outcomes import OutcomeRow
from indexer.explorer.queries import Queries
from receipts.reputation import OUTCOMES_MAX, Worth

Window = Annotated[
    str,
    QueryParameter(
        pattern=WINDOW, description="Hours (`12h`) or days (`30d`) before the newest block, or `all`", max_length=5
    ),
]
WorthFilter = Annotated[Worth | None, QueryParameter(name="worth")]
Include = Annotated[
    Literal["evidence"] | None, QueryParameter(description="`evidence`: with all outcomes, for `tallystick verify`")
]


@get(
    "/nodes/{address:str}/reputation",
    operation_id="getReputation",
    summary="What a node's jobs say of it",
    description="Counts, times and a score by one rule from how its jobs ended in the window; unpaid, unproven and "
    "own work is counted and never raises the score. Each figure names the outcomes it comes from; "
    "`tallystick verify --reputation URL` recomputes it from these.",
    responses=ITEM_FAULTS,
)
async def reputation(
    address: AddressPath,
    reader: Given[Reader],
    window: Window = WINDOW_USUAL,
    include: Include = None,
    as_of: AsOf = None,
) -> OneOut[ReputationOut]:
    return await reader.one(
        lambda queries: reputation_of(queries, address, window),
        lambda found: reputation_out(found, window, include is not None),
        f"node {address}",
        moment_named(as_of),
    )


@get(
    "/nodes/{address:str}/reputation/evidence",
    operation_id="listReputationEvidence",
    summary="The outcomes that a node's reputation comes from, newest first",
    responses=LIST_FAULTS,
)
async def evidence(
    address: AddressPath,
    reader: Given[Reader],
    window: Window = WINDOW_USUAL,
    worth: WorthFilter = None,
    limit: Limit = None,
    cursor: Cursor = None,
    as_of: AsOf = None,
) -> PageOut[OutcomeOut]:
    node = address.lower()

    def rows(queries: Queries, after: str | None, count: int) -> Page[OutcomeRow]:
        found = queries.outcomes(node, window_s(window), OUTCOMES_MAX).rows
        return _page([row for row in found if worth in (None, row.worth)], after, count)

    path = f"reputation of {node}, {window}, {worth or 'all'}"
    return await reader.page(path, rows, outcome_out, None, limit, cursor, moment_named(as_of))


def _page(rows: Sequence[OutcomeRow], after: str | None, count: int) -> Page[OutcomeRow]:
    """The rows behind the place `after`. Raises BadCursor."""
    try:
        place = msgspec.json.decode(after, type=tuple[int, int, int]) if after else None
    except msgspec.MsgspecError:
        raise BadCursor("the cursor names no place in this list") from None
    rest = [row for row in rows if place is None or _place(row) < place]
    more = len(rest) > count
    return Page(tuple(rest[:count]), msgspec.json.encode(_place(rest[count - 1])).decode() if more else None)


def _place(row: OutcomeRow) -> tuple[int, int, int]:
    """As the rows are ordered: from the highest place down."""
    return row.block, -1 if row.log_index is None else row.log_index, -1 if row.job_id is None else row.job_id


HANDLERS: list[Any] = [reputation, evidence]
