"""/v1/prompts and /v1/quote: parse, ask the service, show its answer."""

import uuid
from typing import Annotated, Any

from litestar import Request, Response, Router, get, post
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter
from litestar.response import Stream

from api.given import Given
from api.observing import Metrics
from api.problems import documented
from api.prompts import streams
from api.prompts.shapes import OrderOut, PromptIn, PromptOut, QuoteOut
from api.prompts.words import order_out, prompt_out, question_in, quote_out
from api.service.desks import Desks
from api.service.stories import TooManyStreams
from api.service.telling import ENDINGS
from api.settings import ApiSettings
from indexer.explorer.rows import JobRow

JobId = Annotated[int, PathParameter(ge=0, le=2**53 - 1, description="The job's number on the chain")]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key", description="Names this order: repeating it with the same body gives the same job"
    ),
]
LastEventId = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", description="The `id:` of the last event at hand")
]
Wait = Annotated[
    float,
    QueryParameter(ge=0, le=3600, description="Seconds to wait for the job's end; this server caps it"),
]
TokenCount = Annotated[int, QueryParameter(ge=0, le=2**32 - 1)]
MaxTokens = Annotated[int | None, QueryParameter(ge=1, le=2**32 - 1)]
Worker = Annotated[
    str | None,
    QueryParameter(pattern="^0x[0-9a-fA-F]{40}$", max_length=42, description="A node: the quote is by its own offer"),
]
ModelName = Annotated[str | None, QueryParameter(max_length=64, description="Left out: this server's default")]

UNKNOWN = "There is no such job"
UNREADY = "The chain or a store does not answer; nothing is lost, repeat the request"


@post(
    "/v1/prompts",
    operation_id="orderPrompt",
    summary="Order an answer",
    description="Stores the prompt, escrows what it may cost at most and returns the job once it is indexed. What is "
    "not used comes back. Jobs are public: prompt and answer can be read by anyone.",
    responses=documented(
        s400="The prompt, the model or a setting cannot be right, or the value is too small, for the tokens or for the "
        "gas that the job costs a worker; the remedy names the least that would do",
        s409="The Idempotency-Key stands for another order",
        s413="The body is too large",
        s503=UNREADY,
    ),
)
async def order(
    data: JSONBody[PromptIn], desks: Given[Desks], metrics: Given[Metrics], idempotency_key: IdempotencyKey = None
) -> Response[OrderOut]:
    key = uuid.uuid4().hex if idempotency_key is None else idempotency_key
    placed = await desks.orders.place(question_in(data), key)
    metrics.orders.labels(str(placed.replayed).lower()).inc()
    shown = order_out(placed.job)
    headers = {"Location": shown.links.self, "Idempotency-Key": key}
    if placed.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(shown, headers=headers)


@get(
    "/v1/prompts/{job_id:int}",
    operation_id="getPrompt",
    summary="A job, its answer and its receipt",
    description="With `wait`, answers as soon as the job has come to its end, or when the time is up.",
    responses=documented(s400="A parameter is out of range", s404=UNKNOWN),
)
async def read(job_id: JobId, desks: Given[Desks], settings: Given[ApiSettings], wait: Wait = 0.0) -> PromptOut:
    job = await desks.jobs.get(job_id)
    if wait > 0:
        job = await desks.jobs.wait(job_id, _is_over, min(wait, settings.answer_wait_s_max)) or job
    return prompt_out(job, await desks.jobs.receipt(job_id), await desks.jobs.answer(job))


@get(
    "/v1/prompts/{job_id:int}/events",
    operation_id="followPrompt",
    summary="A job's progress and tokens, live",
    description="Server-sent events: queued, claimed, started, token, answered, proving, proved, submitted, settled, "
    "indexed, failed; `retract` takes back the events it numbers after a reorganisation or a lost lease. Send the last "
    "`id:` as Last-Event-ID to go on where a connection broke. The stream ends with `indexed` or the chain's `failed`.",
    responses=documented(s400="The Last-Event-ID is none of ours", s404=UNKNOWN, s429="Too many streams are open"),
    media_type="text/event-stream",
    opt={"uncompressed": True},
)
async def follow(
    request: Request[Any, Any, Any],
    job_id: JobId,
    desks: Given[Desks],
    settings: Given[ApiSettings],
    last_event_id: LastEventId = None,
) -> Stream:
    if desks.stories.streams >= settings.streams_max:
        raise TooManyStreams(f"{desks.stories.streams} readers are following jobs, the most allowed")
    await desks.jobs.story(job_id)
    after, forget = streams.resume_point(desks.stories, job_id, last_event_id)
    lines = streams.stream(desks.jobs, desks.stories, job_id, after, forget, settings.heartbeat_s)
    request.scope["state"][streams.LINES] = lines
    return Stream(lines, media_type="text/event-stream", headers=streams.HEADERS)


@get(
    "/v1/prompts/{job_id:int}/evidence",
    operation_id="getEvidence",
    summary="Everything needed to check a receipt without us",
    description="The bundle for `tallystick verify`: document, prompt, answer, model manifest, block header, proofs.",
    responses=documented(
        s400="The number is out of range",
        s404="There is no such job, or a part of its evidence is missing",
        s409="It is not settled",
        s503=UNREADY,
    ),
)
async def evidence(job_id: JobId, desks: Given[Desks]) -> Response[bytes]:
    bundle = await desks.evidence.bundle(job_id)
    name = f'attachment; filename="evidence-{job_id}.json"'
    return Response(bundle, media_type="application/json", headers={"Content-Disposition": name})


@get(
    "/v1/quote",
    operation_id="getQuote",
    summary="What an order may cost at most, and what it must be able to pay",
    description="Workers decline what cannot pay for the gas of claiming and settling it: an order below the floor "
    "named here is answered with 400 at once, instead of waiting until its deadline.",
    responses=documented(
        s400="The model is unknown, the worker does not offer it, or a number is out of range", s503=UNREADY
    ),
)
async def quote(
    desks: Given[Desks],
    prompt_tokens: TokenCount,
    model: ModelName = None,
    max_tokens: MaxTokens = None,
    worker: Worker = None,
) -> QuoteOut:
    named = None if worker is None else worker.lower()
    return quote_out(await desks.orders.quote(model, prompt_tokens, max_tokens, named))


def _is_over(job: JobRow | None) -> bool:
    return job is None or job.state in ENDINGS


def create_router(settings: ApiSettings) -> Router:
    return Router(
        "/",
        route_handlers=[order, read, follow, evidence, quote],
        tags=["prompts"],
        middleware=[streams.ReaderDeadline(settings.slow_reader_s)],
    )
