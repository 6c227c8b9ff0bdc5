"""Questions to the index come in, answers go out wrapped with the head they were given at, or with the block meant."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import asdict

from api.explorer.cursors import check_ground, question_of, seal, unseal
from api.explorer.parameters import block_named
from api.explorer.past import in_words
from api.explorer.shapes import OneOut, PageOut
from api.explorer.words import head_out
from api.service.refusals import Absent
from api.settings import ApiSettings
from indexer.explorer import BadMoment
from indexer.explorer.explorer import Explorer
from indexer.explorer.filters import Filter
from indexer.explorer.listing import Page
from indexer.explorer.queries import Queries
from indexer.explorer.rows import Head, Row

R = TypeVar("R", bound=Row)
Found = TypeVar("Found")
Out = TypeVar("Out")


class NotIndexed(Absent):
    """The index has no such thing."""

    remedy = "Check the identifier; the list of the same name shows what there is."


class Reader:
    """Asks the index and wraps what it says with the head it was said at."""

    def __init__(self, explorer: Explorer, settings: ApiSettings) -> None:
        self._explorer, self._settings = explorer, settings

    async def page(
        self,
        path: str,
        rows: Callable[[Queries, str | None, int], Page[R]],
        shown: Callable[[R], Out],
        where: Filter | None,
        limit: int | None,
        cursor: str | None,
        as_of: str | None = None,
    ) -> PageOut[Out]:
        """Raises BadCursor, GroundMoved, and what is wrong with the moment asked for."""
        question = question_of(path, (asdict(where) if where is not None else {}) | {"as_of": as_of})
        place = unseal(cursor, question) if cursor is not None else None
        count = min(limit or self._settings.page_rows, self._settings.page_rows_max)

        def read(queries: Queries) -> Page[R]:
            if place is not None:
                check_ground(place, self._explorer.queries)
            return rows(queries, place.after if place else None, count)

        head, page = await self._ask(read, as_of)
        following = seal(page.next, question, head) if page.next is not None else None
        return PageOut([shown(row) for row in page.rows], following, head_out(head))

    async def one(
        self, row: Callable[[Queries], Found | None], shown: Callable[[Found], Out], name: str, as_of: str | None = None
    ) -> OneOut[Out]:
        """Raises NotIndexed, and what is wrong with the moment asked for."""
        head, found = await self._ask(row, as_of)
        if found is None:
            raise NotIndexed(f"there is no {name}" + (f" as of block {head.number}" if as_of is not None else ""))
        return OneOut(shown(found), head_out(head))

    async def _ask(self, question: Callable[[Queries], Found], as_of: str | None) -> tuple[Head, Found]:
        """The head is taken before the rows are read: it may be too old, never too new."""
        if as_of is None:
            head = self._explorer.head()
            return head, await asyncio.to_thread(question, self._explorer.queries)
        past = self._explorer.queries.as_of(block_named(as_of))
        try:
            return await asyncio.to_thread(lambda: (past.head(), question(past)))
        except BadMoment as fault:
            raise in_words(fault) from fault
