"""The upstream engine: a real HTTP server that streams, breaks off, hides its counts and fails."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from msgspec.structs import replace

from tests.worker.lab import until
from tests.worker.upstream import MODEL, Upstream, token_of
from worker.engine import Chunk, EngineUnavailable, Generation, Message, RequestRefused, Sampling
from worker.openai_engine import OpenAIEngine
from worker.settings import Settings

SAMPLING = Sampling(temperature=0.5, top_p=0.9, max_tokens=3, stop=("END",), seed=11)
ASKED = Generation("test", (Message(role="user", content="one two three four"),), SAMPLING)


@pytest_asyncio.fixture
async def engine(upstream: Upstream) -> AsyncIterator[OpenAIEngine]:
    engine = OpenAIEngine(Settings(engine="openai", engine_url=upstream.url, engine_key="secret", model_id=MODEL))
    yield engine
    await engine.close()


async def collect(engine: OpenAIEngine, request: Generation = ASKED) -> list[Chunk]:
    return [chunk async for chunk in engine.generate(request, asyncio.Event())]


async def test_chunks_carry_text_and_token_ids_and_the_last_one_the_counts(engine: OpenAIEngine) -> None:
    await engine.start()
    *chunks, last = await collect(engine)
    assert [chunk.text for chunk in chunks] == ["one ", "two ", "three "]
    assert [chunk.token_ids for chunk in chunks] == [(token_of("one"),), (token_of("two"),), (token_of("three"),)]
    assert last.end is not None
    assert (last.end.finish_reason, last.end.prompt_tokens, last.end.completion_tokens) == ("length", 4, 3)
    assert last.end.prompt_ids == tuple(token_of(word) for word in ("one", "two", "three", "four"))


async def test_the_request_is_sent_as_the_protocol_says(engine: OpenAIEngine, upstream: Upstream) -> None:
    await engine.start()
    await collect(engine)
    assert upstream.requests == [
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": "one two three four"}],
            "max_tokens": 3,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": ["END"],
            "seed": 11,
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_token_ids": True,
        }
    ]


async def test_a_server_that_is_not_vllm_is_not_asked_for_token_ids(engine: OpenAIEngine, upstream: Upstream) -> None:
    upstream.is_vllm = False
    await engine.start()
    *chunks, last = await collect(engine)
    assert "return_token_ids" not in upstream.requests[0]
    assert [chunk.token_ids for chunk in chunks] == [(), (), ()]
    assert last.end is not None
    assert (last.end.prompt_tokens, last.end.completion_tokens) == (4, 3)
    assert engine.description.name == "openai-compatible"


async def test_an_answer_that_ends_by_itself_says_stop(engine: OpenAIEngine) -> None:
    await engine.start()
    last = (await collect(engine, replace(ASKED, sampling=replace(SAMPLING, max_tokens=9))))[-1]
    assert last.end is not None
    assert last.end.finish_reason == "stop"


async def test_a_cancelled_answer_hangs_up_on_the_server(engine: OpenAIEngine, upstream: Upstream) -> None:
    await engine.start()
    upstream.pause_s = 0.01
    cancel = asyncio.Event()
    long = Generation("test", (Message(role="user", content="word " * 500),), replace(SAMPLING, max_tokens=500))
    seen = []
    async for chunk in engine.generate(long, cancel):
        seen.append(chunk)
        if len(seen) == 2:
            cancel.set()
    assert seen[-1].end is not None
    assert seen[-1].end.finish_reason == "cancelled"
    await until(lambda: upstream.running == 0, "the server has stopped generating", 5)
    assert upstream.aborted == 1


async def test_a_cancelled_answer_does_not_wait_for_the_next_token(engine: OpenAIEngine, upstream: Upstream) -> None:
    await engine.start()
    upstream.gate.clear()
    cancel = asyncio.Event()
    answering = asyncio.create_task(_last(engine, cancel))
    await until(lambda: upstream.running == 1, "the server is at work", 5)
    cancel.set()
    end = (await asyncio.wait_for(answering, 5)).end
    assert end is not None
    assert end.finish_reason == "cancelled"


async def _last(engine: OpenAIEngine, cancel: asyncio.Event) -> Chunk:
    return [chunk async for chunk in engine.generate(ASKED, cancel)][-1]


async def test_a_stream_that_breaks_off_may_be_tried_again(engine: OpenAIEngine, upstream: Upstream) -> None:
    await engine.start()
    upstream.breaks_after = 1
    with pytest.raises(EngineUnavailable):
        await collect(engine)


async def test_an_answer_without_counts_is_not_believed(engine: OpenAIEngine, upstream: Upstream) -> None:
    await engine.start()
    upstream.hides_usage = True
    with pytest.raises(EngineUnavailable, match="without a finish reason and token counts"):
        await collect(engine)


@pytest.mark.parametrize("status", [429, 500, 503, 401])
async def test_a_server_in_trouble_may_be_tried_again(engine: OpenAIEngine, upstream: Upstream, status: int) -> None:
    await engine.start()
    upstream.status = status
    with pytest.raises(EngineUnavailable, match=f"answers {status}: .*told to fail"):
        await collect(engine)


@pytest.mark.parametrize("status", [400, 404, 413])
async def test_a_request_that_the_server_refuses_is_not_tried_again(
    engine: OpenAIEngine, upstream: Upstream, status: int
) -> None:
    await engine.start()
    upstream.status = status
    with pytest.raises(RequestRefused, match=f"answers {status}"):
        await collect(engine)


async def test_prompts_are_counted_by_the_server_where_it_can(engine: OpenAIEngine, upstream: Upstream) -> None:
    await engine.start()
    assert await engine.count_prompt(ASKED.messages) == 4
    upstream.is_vllm = False
    other = OpenAIEngine(Settings(engine="openai", engine_url=upstream.url, model_id=MODEL))
    await other.start()
    assert await other.count_prompt(ASKED.messages) >= len("one two three four")
    await other.close()


async def test_a_server_without_the_model_says_what_it_has(upstream: Upstream) -> None:
    stranger = OpenAIEngine(Settings(engine="openai", engine_url=upstream.url, model_id="other"))
    with pytest.raises(EngineUnavailable, match=f"no model 'other'; it has {MODEL}: set engine_model"):
        await stranger.start()
    await stranger.close()


async def test_health_tells_a_server_that_is_unwell_or_away(engine: OpenAIEngine, upstream: Upstream) -> None:
    assert await engine.health() is None
    upstream.status = 503
    assert await engine.health() == f"{upstream.url}/health answers 503"
    away = OpenAIEngine(Settings(engine="openai", engine_url="http://127.0.0.1:9", model_id=MODEL))
    assert "is not well" in (await away.health() or "")
    await away.close()
