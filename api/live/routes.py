"""GET /explorer/v1/live: topics and the last id come in, a stream of server-sent events goes out."""

from typing import Annotated, Any

from litestar import Request, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from api.given import Given
from api.live.hub import Hub
from api.live.messages import Dropped, HeadNow, Put, Reset, Retract
from api.live.reading import events
from api.live.sockets import live_socket
from api.live.topics import topics_named
from api.problems import documented
from api.prompts.streams import HEADERS, LINES, ReaderDeadline
from api.settings import ApiSettings

TopicNames = Annotated[
    str,
    QueryParameter(
        name="topics",
        min_length=1,
        max_length=4096,
        description="What to follow, with commas between: blocks, jobs, receipts, stats, job:NUMBER, address:0x...",
    ),
]
LastEventId = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", description="The `id:` of the last message; a browser sends it")
]
LastId = Annotated[
    str | None, QueryParameter(name="last_event_id", max_length=64, description="The same, for a first connection")
]

DESCRIPTION = """Server-sent events, each with an id and one JSON object. `put`: the row of this kind and key is now so,
in the shape that the explorer's lists give it. `retract`: it is not in the list any more; after a reorganisation this
comes before any replacement. `head`: all up to this id was told, rows up to block `head.final` are final. `reset`: load
everything anew, then go on. `dropped`: the stream ends because the reader is too slow.

Open the stream first and load the rows then, or begin with the id that a page was made at: nothing is missed. Send the
last id to go on where a connection broke. A WebSocket at `/explorer/v1/live/ws` takes the same parameters, tells the
same messages in JSON arrays, and takes `{"subscribe": [...]}` and `{"unsubscribe": [...]}`."""


@get(
    "/explorer/v1/live",
    operation_id="followExplorer",
    summary="What changes, live",
    description=DESCRIPTION,
    responses={
        200: ResponseSpec(
            Put | Retract | HeadNow | Reset | Dropped,  # type: ignore[arg-type]
            description="The stream: each event's data is one of these",
            media_type="text/event-stream",
            generate_examples=False,
        )
    }
    | documented(s400="There is no such topic, or the last id is none of ours", s429="Too many readers are following"),
    media_type="text/event-stream",
    opt={"uncompressed": True},
)
async def live(
    request: Request[Any, Any, Any],
    hub: Given[Hub],
    topics: TopicNames,
    last_event_id: LastEventId = None,
    last_id: LastId = None,
) -> Stream:
    hub.admit()
    followed = topics_named(topics.split(","))
    last = last_event_id or last_id
    hub.since(followed, last)
    lines = events(hub, followed, last)
    request.scope["state"][LINES] = lines
    return Stream(lines, media_type="text/event-stream", headers=HEADERS)


def create_router(settings: ApiSettings) -> Router:
    return Router(
        "/",
        route_handlers=[live, live_socket],
        tags=["live"],
        middleware=[ReaderDeadline(settings.slow_reader_s)],
    )
