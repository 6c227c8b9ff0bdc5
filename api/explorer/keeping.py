"""Answers given again: requests come in, and reach the index only where what it said last may have changed since.

Commits tell which rows they changed. An answer about others is sent again, with the head as it is now; questions that
are asked while the same is being answered wait for that answer.
"""

import asyncio
import time

import msgspec
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send

from api.explorer.answers import Answer, Answers, Slot
from api.explorer.conditional import OPT_IN, mark, marked, marks_of
from api.explorer.grounds import FIGURES, Question, grounds_of, moved, names_moment
from api.explorer.shapes import Finality, HeadOut
from api.explorer.splicing import Piece, gzipped
from api.explorer.words import aged, head_out
from indexer.explorer import Touched
from indexer.explorer.explorer import Explorer
from indexer.explorer.rows import Head

HEAD = b'"head":'
JSON = b"application/json"
PACKED_FROM_BYTES = 500

Marks = dict[str, str]


class Keeping(ASGIMiddleware):
    """Keeps the answers of routes whose answers hold by head, and packs them once for all who take them packed."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, explorer: Explorer, bytes_max: int, figures_age_s: float = 0.0) -> None:
        """While figures are counted anew, those of a head that passed so long ago at most are given, and say so."""
        self.answers = Answers(bytes_max)
        self._figures_age_s = figures_age_s
        self._explorer = explorer
        self._told: tuple[tuple[Head, Finality, int] | None, Piece] = (None, Piece(b""))
        explorer.listen(self._forget)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["type"] != ScopeType.HTTP or not _may_be_kept(scope):
            await next_app(scope, receive, send)
            return
        asked = scope["path"], scope["query_string"]
        head = self._explorer.head()  # before the answer: what moves in between makes the head too old, never too new
        slot = self.answers.find(asked)
        if slot is None:
            grounds = grounds_of(Question(scope["path_template"], scope["path_params"], scope["query_string"]))
            slot = self.answers.begin(asked, grounds, lasts=scope["path_template"] in FIGURES)
            await self._ask(slot, marked(head, self._explorer.position, scope), scope, receive, send, next_app)
        elif answer := slot.answer or self._past(slot):
            await _say(answer, self._tail(answer, head), scope, send)
        elif answer := await _awaited(slot):
            await _say(answer, answer.tail, scope, send)
        else:
            await next_app(scope, receive, send)

    def _past(self, slot: Slot) -> Answer | None:
        before = slot.before
        is_fresh = before is not None and time.monotonic() - before.since <= self._figures_age_s
        return before.answer if before is not None and is_fresh else None

    async def _ask(
        self, slot: Slot, marks: Marks, scope: HTTPScope, receive: Receive, send: Send, next_app: ASGIApp
    ) -> None:
        started: HTTPResponseStartEvent | None = None
        answer: Answer | None = None

        async def hearing(message: Message) -> None:
            nonlocal started, answer
            if message["type"] == "http.response.start":
                started = message
            elif started is not None and message["type"] == "http.response.body":
                begun, started = started, None
                if slot.lasts:
                    mark(scope, marks)
                if not message["more_body"] and (answer := _answer(begun, message["body"], slot, scope)):
                    await _say(answer, answer.tail, scope, send)
                else:
                    await send(begun)
                    await send(message)
            else:
                await send(message)

        try:
            await next_app(scope, receive, hearing)
        finally:
            self.answers.finish(slot, answer)

    def _tail(self, answer: Answer, head: Head) -> Piece:
        """The end of a body, where it tells the head, as it is now and as old as it is now."""
        if not answer.tail.plain:
            return answer.tail
        told = msgspec.json.decode(answer.tail.plain[len(HEAD) : -1], type=HeadOut)
        if answer.own_head:
            return _tail_saying(aged(told))
        known = head, told.finality, int(time.time())
        if self._told[0] != known:
            self._told = known, _tail_saying(head_out(head, told.finality))
        return self._told[1]

    def _forget(self, touched: Touched) -> None:
        if touched.everything:
            self.answers.forget_all()
        else:
            self.answers.forget(moved(touched))


def _may_be_kept(scope: HTTPScope) -> bool:
    """Only what is asked for in JSON: whoever wants another form is answered, or told so, by the route."""
    if scope["method"] != "GET" or not scope["route_handler"].opt.get(OPT_IN) or b"format=" in scope["query_string"]:
        return False
    wanted = _header(scope, b"accept", b"*/*")
    return b"*/*" in wanted or JSON in wanted


def _answer(start: HTTPResponseStartEvent, body: bytes, slot: Slot, scope: HTTPScope) -> Answer | None:
    """What may be given again: what was said well and in JSON. It tells the head last, if at all."""
    headers = {name.lower(): value for name, value in start["headers"]}
    if start["status"] != 200 or not headers.get(b"content-type", b"").startswith(JSON):
        return None
    headers.pop(b"content-length", None)
    at = body.rfind(HEAD)
    cut = at if at >= 0 and body.endswith(b"}}") else len(body)
    own_head = slot.lasts or names_moment(scope["query_string"])
    return Answer(tuple(headers.items()), body[:cut], body[cut:], own_head=own_head, marks=marks_of(scope))


def _tail_saying(head: HeadOut) -> Piece:
    return Piece(HEAD + msgspec.json.encode(head) + b"}", is_last=True)


async def _awaited(slot: Slot) -> Answer | None:
    if slot.waiting is None:
        slot.waiting = asyncio.get_running_loop().create_future()
    return await asyncio.shield(slot.waiting)


async def _say(answer: Answer, tail: Piece, scope: HTTPScope, send: Send) -> None:
    mark(scope, answer.marks)
    headers = [*answer.headers]
    if len(answer.body.plain) >= PACKED_FROM_BYTES and b"gzip" in _header(scope, b"accept-encoding", b""):
        body = gzipped(answer.body, tail)
        headers.append((b"content-encoding", b"gzip"))
    else:
        body = answer.body.plain + tail.plain
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _header(scope: HTTPScope, wanted: bytes, otherwise: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), otherwise)
