"""Answers that hold for as long as the head does: requests come in, 304 goes out where nothing has changed since.

What is settled (a final job that has ended, a final block) holds for good: its mark is no head's, caches may keep it.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from indexer.explorer.explorer import Explorer
from indexer.explorer.rows import Head

TAG_BYTES = 12
OPT_IN = "by_head"
MARKS, SETTLED = "marks", "settled"
WHILE_ASKED_S = 7 * 86_400
"""For so long after its age, a cache may show what is settled while it asks whether that still holds."""


class ByHead(ASGIMiddleware):
    """Marks each answer of routes that opt in with the head it was read at.

    The head is taken before the answer is read: a mark may be too old, never too new. Caches may keep what is settled
    for `settled_age_s` without asking; with 0 it is marked like the rest.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, explorer: Explorer, settled_age_s: int = 0) -> None:
        self.explorer = explorer
        self.settled_age_s = settled_age_s

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if not scope["route_handler"].opt.get(OPT_IN):
            await next_app(scope, receive, send)
            return
        marks = marked(self.explorer.head(), self.explorer.position, scope)
        known = Headers.from_scope(scope).get("if-none-match")
        if known and (held := self._held(known, marks, scope)):
            await send(_unchanged(held))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        async def marking(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                found = marks_of(scope)
                settled = self._settled(scope) if found.pop(SETTLED, None) else {}
                message["headers"] = [*message["headers"], *_written(marks | settled | found)]
            await send(message)

        await next_app(scope, receive, marking)

    def _held(self, known: str, marks: dict[str, str], scope: Scope) -> dict[str, str] | None:
        """The marks of what the reader has, if that still holds."""
        tags = {each.strip().removeprefix("W/") for each in known.split(",")}
        held = (marks, marks | self._settled(scope)) if self.settled_age_s else (marks,)
        return next((each for each in held if each["ETag"].removeprefix("W/") in tags), None)

    def _settled(self, scope: Scope) -> dict[str, str]:
        if not self.settled_age_s:
            return {}
        kept = f"public, max-age={self.settled_age_s}, stale-while-revalidate={WHILE_ASKED_S}, immutable"
        return {"ETag": _tag(f"settled {_release()}", scope), "Cache-Control": kept}


def marked(head: Head, position: int, scope: Scope) -> dict[str, str]:
    """`Tally-Head` and `Tally-Finality` are the newest block shown and the newest final one, by number and hash."""
    return {
        "ETag": _tag(f"{head.number} {head.hash} {head.final} {position}", scope),
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
        "Tally-Head": f"{head.number} {head.hash}",
        "Tally-Finality": f"{head.final} {head.final_hash}",
    }


def mark(scope: Scope, marks: Mapping[str, str]) -> None:
    """Headers for the answer, should it be one."""
    scope["state"].setdefault(MARKS, {}).update(marks)


def marks_of(scope: Scope) -> dict[str, str]:
    return dict(scope["state"].get(MARKS, {}))


def mark_settled(scope: Scope) -> None:
    """The answer can never change again."""
    mark(scope, {SETTLED: "yes"})


def _tag(state: str, scope: Scope) -> str:
    question = scope["path"].encode() + b"?" + scope["query_string"]
    return f'W/"{hashlib.sha256(state.encode() + b" " + question).hexdigest()[: 2 * TAG_BYTES]}"'


@cache
def _release() -> str:
    """Another release may show the same thing otherwise."""
    return version("tallystick")


def _unchanged(marks: dict[str, str]) -> Message:
    return {"type": "http.response.start", "status": 304, "headers": _written(marks)}


def _written(marks: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in marks.items()]
