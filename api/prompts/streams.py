"""A job's story as server-sent events: `id: EPOCH-NUMBER`, so that a reader who comes back goes on where it was."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.rendering import iso_of_ms
from api.service.jobs import Jobs
from api.service.refusals import Invalid
from api.service.stories import FellBehind, Stories
from api.service.telling import Event

EVENT_ID = re.compile(r"([0-9a-f]{8})-(\d{1,15})")
LINES = "lines"
"""Where the scope's state keeps the stream that is sent."""
HEARTBEAT = b": heartbeat\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class BadEventId(Invalid):
    """The id of the last event is none of ours."""

    remedy = "Send the `id:` of an event of this stream, or no Last-Event-ID to hear everything."


def resume_point(stories: Stories, job_id: int, last_event_id: str | None) -> tuple[int, bool]:
    """The number to go on after, and whether the reader must forget what it has. Raises BadEventId."""
    if not last_event_id:
        return 0, False
    parts = EVENT_ID.fullmatch(last_event_id)
    if parts is None:
        raise BadEventId(f"the last event id is {last_event_id[:64]!r}")
    story = stories.held(job_id)
    number = int(parts[2])
    if parts[1] == stories.epoch and story is not None and story.holds(number):
        return number, False
    return 0, True


async def stream(
    jobs: Jobs, stories: Stories, job_id: int, after: int, forget: bool, heartbeat_s: float
) -> AsyncGenerator[bytes, None]:
    """The lines to send: events, heartbeats, and why it ends early if it does."""
    if forget:
        yield said("", "retract", {"events": "all", "reason": "the story is told from its beginning"})
    try:
        async with aclosing(jobs.follow(job_id, after, heartbeat_s)) as events:
            async for event in events:
                yield HEARTBEAT if event is None else told(stories.epoch, job_id, event)
    except FellBehind:
        reason = "this reader was slower than the story; come back with Last-Event-ID to hear it from its beginning"
        yield said("", "dropped", {"reason": reason})


def told(epoch: str, job_id: int, event: Event) -> bytes:
    data = {"job_id": str(job_id), "at": iso_of_ms(event.at)} | event.data
    return said(f"{epoch}-{event.number}", event.name, data)


def said(event_id: str, name: str, data: dict[str, object]) -> bytes:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: ".encode() + _encode(data) + b"\n\n"


class ReaderDeadline(ASGIMiddleware):
    """Ends a stream whose reader takes nothing for `seconds`: its place is for others, at once.

    Whoever sends a stream does not close one that cannot be sent: the one in the scope's state is closed here.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        is_late = False

        async def send_in_time(message: Message) -> None:
            nonlocal is_late
            try:
                async with asyncio.timeout(self.seconds):
                    await send(message)
            except TimeoutError:
                is_late = True
                raise

        try:
            await next_app(scope, receive, send_in_time)
        except Exception:
            if not is_late:
                raise
            _log.warning("%s: dropped a reader that took nothing for %g s", scope["path"], self.seconds)
        finally:
            if lines := scope["state"].get(LINES):
                await lines.aclose()
