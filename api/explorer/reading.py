"""Questions to the index come in, answers go out wrapped with the head they were given at, or with the block meant."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast
from urllib.parse import quote, quote_from_bytes

from litestar.connection import Request
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from api.explorer.asking import asked_of, item_asked_of, read_query
from api.explorer.conditional import mark, mark_settled
from api.explorer.cursors import check_ground, question_of, seal, unseal
from api.explorer.parameters import block_named
from api.explorer.past import in_words
from api.explorer.relations import Relations, beside_list, beside_one, singles
from api.explorer.shapes import CountOut, IncludedOut, OneOut, PageOut
from api.explorer.words import finality_of, head_out
from api.rendering import render
from api.service.refusals import Absent
from api.settings import ApiSettings
from indexer.explorer import BadMoment
from indexer.explorer.at_hand import NotAtHand
from indexer.explorer.counting import Count
from indexer.explorer.explorer import Explorer
from indexer.explorer.filters import equal
from indexer.explorer.listing import Page
from indexer.explorer.lists import Listing
from indexer.explorer.queries import Queries
from indexer.explorer.rows import Head

SETTLED_LISTS = frozenset(("blocks", "transactions", "events", "jobs", "nodes", "models", "accounts"))
"""What the chain alone says: as of a final block it stays so for good."""

Found = TypeVar("Found")
Out = TypeVar("Out")
Asking = Request[Any, Any, Any]


class NotIndexed(Absent):
    """The index has no such thing."""

    remedy = "Check the identifier; the list of the same name shows what there is."


class Told(Struct, frozen=True):
    """A page as the index has it, with what was asked for beside it."""

    page: Page[Any]
    count: Count | None
    included: IncludedOut | UnsetType


class Reader:
    """Asks the index and wraps what it says with the head it was said at."""

    def __init__(self, explorer: Explorer, settings: ApiSettings) -> None:
        self._explorer, self._settings = explorer, settings

    async def list(
        self,
        request: Asking,
        listing: Listing,
        shown: Callable[[Any], Out],
        relations: Relations | None = None,
        of: dict[str, str] | None = None,
    ) -> PageOut[Out]:
        """A page of a list as its request asks for it, of rows with the values `of`.

        Raises what is wrong with the request or its moment.
        """
        brought = singles(relations or {})
        asked = asked_of(listing, read_query(request.scope["query_string"]), tuple(brought))
        question = question_of(request.scope["path"], (asked.sort, asked.where, asked.as_of))
        place = unseal(asked.cursor, question) if asked.cursor is not None else None
        where = (*equal(**(of or {})), *asked.where)
        most = min(asked.limit or self._settings.page_rows, self._settings.page_rows_max)

        def read(queries: Queries) -> Told:
            if place is not None:
                check_ground(place, queries if asked.as_of is None else self._explorer.queries)
            page = queries.rows(asked.order, where, place.after if place else None, most)
            count = queries.count(listing.table, where, self._settings.count_exact_max) if asked.is_counted else None
            related = [brought[name] for name in asked.related]
            return Told(page, count, beside_list(queries, page.rows, related) if related else UNSET)

        head, told = await self.ask(read, asked.as_of)
        following = seal(told.page.next, question, head) if told.page.next is not None else None
        if following is not None:
            mark(request.scope, {"Link": _next_link(request, following), "Tally-Cursor": following})
        if asked.as_of is not None and not asked.related and _is_settled(listing, head):
            mark_settled(request.scope)
        return PageOut(
            data=[shown(row) for row in told.page.rows],
            next=following,
            count=render(told.count, CountOut) if told.count else UNSET,
            included=told.included,
            head=head_out(head, finality_of(told.page.rows, head)),
        )

    async def page(
        self,
        path: str,
        rows: Callable[[Queries, str | None, int], Page[Any]],
        shown: Callable[[Any], Out],
        where: Struct | None,
        limit: int | None,
        cursor: str | None,
        as_of: int | str | None = None,
    ) -> PageOut[Out]:
        """A page of what is no table. Raises BadCursor, GroundMoved, and what is wrong with the moment asked for."""
        question = question_of(path, ("", asdict(where) if where is not None else {}, as_of))
        place = unseal(cursor, question) if cursor is not None else None
        most = min(limit or self._settings.page_rows, self._settings.page_rows_max)

        def read(queries: Queries) -> Page[Any]:
            if place is not None:
                check_ground(place, self._explorer.queries)
            return rows(queries, place.after if place else None, most)

        head, page = await self.ask(read, as_of)
        following = seal(page.next, question, head) if page.next is not None else None
        shown_rows = [shown(row) for row in page.rows]
        return PageOut(data=shown_rows, next=following, head=head_out(head, finality_of(page.rows, head)))

    async def item(
        self,
        request: Asking,
        row: Callable[[Queries], Found | None],
        shown: Callable[[Found], Out],
        name: str,
        relations: Relations | None = None,
        settled: Callable[[Found], bool] | None = None,
    ) -> OneOut[Out]:
        """One thing as its request asks for it; `settled` tells whether it can never change again."""
        relations = relations or {}
        asked = item_asked_of(read_query(request.scope["query_string"]), tuple(relations))

        def read(queries: Queries) -> tuple[Found | None, IncludedOut | UnsetType]:
            found = row(queries)
            if found is None or not asked.related:
                return found, UNSET
            return found, beside_one(queries, found, [relations[name] for name in asked.related])

        head, (found, included) = await self.ask(read, asked.as_of)
        if found is None:
            raise _missing(name, head, asked.as_of)
        if settled is not None and not asked.related and settled(found):
            mark_settled(request.scope)
        return OneOut(data=shown(found), included=included, head=head_out(head, finality_of([found], head)))

    async def one(
        self,
        row: Callable[[Queries], Found | None],
        shown: Callable[[Found], Out],
        name: str,
        as_of: int | str | None = None,
    ) -> OneOut[Out]:
        """One thing. Raises NotIndexed, and what is wrong with the moment asked for."""
        head, found = await self.ask(row, as_of)
        if found is None:
            raise _missing(name, head, as_of)
        return OneOut(data=shown(found), head=head_out(head, finality_of([found], head)))

    async def ask(self, question: Callable[[Queries], Found], as_of: int | str | None = None) -> tuple[Head, Found]:
        """The head is taken before the rows are read: it may be too old, never too new.

        What is at hand is read here: another thread would take longer to begin than that takes.
        """
        if as_of is None:
            head, rows = self._explorer.head(), self._explorer.at_hand.now
            with suppress(NotAtHand):
                if rows is not None:
                    return head, question(cast("Queries", rows))
            return head, await asyncio.to_thread(question, self._explorer.queries)
        past = self._explorer.queries.as_of(block_named(as_of) if isinstance(as_of, str) else as_of)
        try:
            return await asyncio.to_thread(lambda: (past.head(), question(past)))
        except BadMoment as fault:
            raise in_words(fault) from fault


def _is_settled(listing: Listing, head: Head) -> bool:
    return listing.name in SETTLED_LISTS and head.number <= head.final


def _missing(name: str, head: Head, as_of: int | str | None) -> NotIndexed:
    return NotIndexed(f"there is no {name}" + (f" as of block {head.number}" if as_of is not None else ""))


def _next_link(request: Asking, cursor: str) -> str:
    """The same question with another cursor. What the reader wrote is escaped before it stands in a header."""
    kept = [part for part in request.scope["query_string"].split(b"&") if part and not part.startswith(b"cursor=")]
    query = quote_from_bytes(b"&".join([*kept, b"cursor=" + cursor.encode()]), safe="=&%,:+-_.~")
    return f'<{quote(request.scope["path"])}?{query}>; rel="next"'
