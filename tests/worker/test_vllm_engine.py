"""The embedded engine: real vLLM with the converted SmolLM2, one engine for most tests."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
import pytest_asyncio
from msgspec.structs import replace

from tests.worker.lab import until
from worker.engine import Chunk, EngineUnavailable, Generation, Message, RequestRefused, Sampling
from worker.settings import Settings
from worker.vllm_engine import VllmEngine

FOLDER = Path(__file__).parents[2] / ".tallystick/models/smollm2-135m-instruct"
SETTINGS = Settings(model_folder=str(FOLDER), context_tokens=512, kv_cache_mib=256, concurrency=16)
GREEDY = Sampling(temperature=0.0, top_p=1.0, max_tokens=24)
pytestmark = [pytest.mark.vllm, pytest.mark.slow]
shared_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[VllmEngine]:
    pytest.importorskip("vllm", reason="vLLM is in the worker's environment")
    engine = VllmEngine(SETTINGS)
    await engine.start()
    yield engine
    await engine.close()


def asking(text: str, sampling: Sampling = GREEDY, request_id: str = "test") -> Generation:
    return Generation(request_id, (Message(role="user", content=text),), sampling)


async def collect(engine: VllmEngine, request: Generation, cancel: asyncio.Event | None = None) -> list[Chunk]:
    return [chunk async for chunk in engine.generate(request, cancel or asyncio.Event())]


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def ids_of(chunks: list[Chunk]) -> list[int]:
    return [token for chunk in chunks for token in chunk.token_ids]


@shared_loop
async def test_an_answer_streams_token_by_token_and_ends_with_its_counts(engine: VllmEngine) -> None:
    chunks = await collect(engine, asking("What is the capital of France?"))
    end = chunks[-1].end
    assert "Paris" in text_of(chunks)
    assert end is not None
    assert [chunk.end for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert len(chunks) > 4
    assert end.completion_tokens == len(ids_of(chunks))
    assert end.prompt_tokens == len(end.prompt_ids) > 10


@shared_loop
async def test_the_chat_template_is_applied_and_counted_before_generating(engine: VllmEngine) -> None:
    request = asking("What is the capital of France?")
    end = (await collect(engine, request))[-1].end
    assert end is not None
    assert await engine.count_prompt(request.messages) == end.prompt_tokens


@shared_loop
async def test_a_limit_ends_the_answer_for_its_length(engine: VllmEngine) -> None:
    end = (await collect(engine, asking("Count to one hundred.", replace(GREEDY, max_tokens=5))))[-1].end
    assert end is not None
    assert (end.finish_reason, end.completion_tokens) == ("length", 5)


@shared_loop
async def test_a_stop_sequence_ends_the_answer_and_stays_out_of_it(engine: VllmEngine) -> None:
    chunks = await collect(engine, asking("What is the capital of France?", replace(GREEDY, stop=("Paris",))))
    assert chunks[-1].end is not None
    assert chunks[-1].end.finish_reason == "stop"
    assert "Paris" not in text_of(chunks)


@shared_loop
async def test_the_same_seed_draws_the_same_answer_and_another_seed_another(engine: VllmEngine) -> None:
    drawing = replace(GREEDY, temperature=1.0, max_tokens=32)
    request = "Invent a name for a boat and its crew."
    first, again, other = [
        text_of(await collect(engine, asking(request, replace(drawing, seed=seed)))) for seed in (7, 7, 8)
    ]
    assert first == again
    assert first != other


@shared_loop
async def test_answers_are_the_same_alone_and_in_company(engine: VllmEngine) -> None:
    prompts = [f"Write one sentence about the number {number}." for number in range(12)]
    alone = [ids_of(await collect(engine, asking(prompt))) for prompt in prompts]
    together = await asyncio.gather(*[collect(engine, asking(prompt)) for prompt in reversed(prompts)])
    assert [ids_of(chunks) for chunks in reversed(together)] == alone


@shared_loop
async def test_a_cancelled_answer_ends_at_once_inside_the_engine_too(engine: VllmEngine) -> None:
    cancel = asyncio.Event()
    seen: list[Chunk] = []
    async for chunk in engine.generate(asking("Tell a long story.", replace(GREEDY, max_tokens=400)), cancel):
        seen.append(chunk)
        if len(seen) == 3:
            cancel.set()
    assert seen[-1].end is not None
    assert seen[-1].end.finish_reason == "cancelled"
    assert len(ids_of(seen)) < 50
    assert engine._llm.get_num_unfinished_requests() == 0


@shared_loop
async def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(engine: VllmEngine) -> None:
    with pytest.raises(RequestRefused, match=r"the prompt has \d+ tokens, the context holds 512"):
        await collect(engine, asking("word " * 600))


@shared_loop
async def test_a_folder_without_a_model_is_named_with_the_remedy(tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    empty = VllmEngine(replace(SETTINGS, model_folder=str(tmp_path)))
    with pytest.raises(EngineUnavailable, match=r"holds no model: make it with `python -m worker.model_files"):
        await empty.start()
    await empty.close()


@shared_loop
async def test_an_engine_that_is_killed_is_noticed_and_built_again(engine: VllmEngine) -> None:
    answering = asyncio.create_task(collect(engine, asking("Tell a long story.", replace(GREEDY, max_tokens=400))))
    await until(lambda: engine._llm.get_num_unfinished_requests() == 1, "the answer is under way")
    engine_process().kill()
    with pytest.raises(EngineUnavailable, match="the engine died"):
        await answering
    assert await engine.health() == "the engine's process died"
    with pytest.raises(EngineUnavailable, match="started again by itself"):
        await collect(engine, asking("Hello"))
    await engine.start()
    assert await engine.health() is None
    assert "Paris" in text_of(await collect(engine, asking("What is the capital of France?")))


def test_a_killed_worker_leaves_no_engine_behind(tmp_path: Path) -> None:
    program = tmp_path / "holder.py"
    program.write_text(
        "import asyncio, sys\n"
        "from worker.settings import Settings\n"
        "from worker.vllm_engine import VllmEngine\n"
        "async def main():\n"
        "    engine = VllmEngine(Settings(model_folder=sys.argv[1], context_tokens=256, kv_cache_mib=64))\n"
        "    await engine.start()\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    holder = subprocess.Popen([sys.executable, str(program), str(FOLDER)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    children = psutil.Process(holder.pid).children(recursive=True)
    engines = [child for child in children if child.memory_info().rss > 200 << 20]
    assert engines
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    _, left = psutil.wait_procs(engines, timeout=30)
    assert not [child for child in left if child.status() != psutil.STATUS_ZOMBIE]


def engine_process() -> psutil.Process:
    return max(psutil.Process().children(recursive=True), key=lambda child: child.memory_info().rss)
