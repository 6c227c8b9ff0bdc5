"""Answers that hold for as long as the head does: requests come in, 304 goes out where nothing has changed since."""

import hashlib

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from indexer.explorer.explorer import Explorer
from indexer.explorer.rows import Head

TAG_BYTES = 12
OPT_IN = "by_head"


class ByHead(ASGIMiddleware):
    """Marks each answer of routes that opt in with the head it was read at.

    The head is taken before the answer is read: a mark may be too old, never too new.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if not scope["route_handler"].opt.get(OPT_IN):
            await next_app(scope, receive, send)
            return
        marks = marked(self.explorer.head(), self.explorer.position, scope)
        if marks["ETag"] in Headers.from_scope(scope).get("if-none-match", ""):
            await send(_unchanged(marks))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        async def marking(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                MutableScopeHeaders.from_message(message).update(marks)
            await send(message)

        await next_app(scope, receive, marking)


def marked(head: Head, position: int, scope: Scope) -> dict[str, str]:
    """`Tally-Head` and `Tally-Finality` are the newest block shown and the newest final one, by number and hash."""
    question = scope["path"].encode() + b"?" + scope["query_string"]
    state = f"{head.number} {head.hash} {head.final} {position} ".encode()
    return {
        "ETag": f'W/"{hashlib.sha256(state + question).hexdigest()[: 2 * TAG_BYTES]}"',
        "Cache-Control": "no-cache",
        "Tally-Head": f"{head.number} {head.hash}",
        "Tally-Finality": f"{head.final} {head.final_hash}",
    }


def _unchanged(marks: dict[str, str]) -> Message:
    headers = [(name.lower().encode(), value.encode()) for name, value in marks.items()]
    return {"type": "http.response.start", "status": 304, "headers": headers}
