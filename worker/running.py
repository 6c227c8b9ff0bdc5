"""A claimed job goes in, the engine's answer comes out as a fact, told to the uplink token by token."""

import asyncio
import time

from receipts.content.unixfs import cid_of

from .board import Job
from .engine import Chunk, End, Engine, EngineUnavailable, Generation, RequestRefused
from .intake import Terms, completion_budget, sampling_for
from .journal import AnswerMade
from .prompts import Prompts
from .uplink import Uplink


class Cancelled(Exception):
    """The job stopped being ours while it was answered: there is no answer."""


class Runner:
    """Answers jobs, each whole or not at all."""

    def __init__(self, engine: Engine, prompts: Prompts, terms: Terms, uplink: Uplink) -> None:
        self._engine = engine
        self._prompts = prompts
        self._terms = terms
        self._uplink = uplink

    async def answer(self, job: Job, cancel: asyncio.Event) -> AnswerMade:
        """Raises RequestRefused, EngineUnavailable, Declined or Cancelled."""
        request = await self._prompts.read(job.prompt_cid)
        prompt_tokens = await self._engine.count_prompt(request.conversation)
        budget = completion_budget(job, self._terms.context_tokens, prompt_tokens, request.max_tokens)
        if budget < 1:
            raise RequestRefused(f"{prompt_tokens} prompt tokens leave nothing to answer with")
        sampling = sampling_for(request, budget)
        started_at = time.time_ns() // 1_000_000
        self._uplink.progress(job.job_id, "started", prompt_tokens=prompt_tokens)
        chunks = await self._collect(job, Generation(str(job.job_id), request.conversation, sampling), cancel)
        text = "".join(chunk.text for chunk in chunks)
        end = _end(chunks)
        self._check_counts(job, end)
        response_cid = str(cid_of(text.encode()))
        self._uplink.progress(job.job_id, "answered", tokens=end.completion_tokens, finish_reason=end.finish_reason)
        return AnswerMade(
            text=text,
            response_cid=response_cid,
            prompt_tokens=end.prompt_tokens,
            completion_tokens=end.completion_tokens,
            completion_ids=tuple(token for chunk in chunks for token in chunk.token_ids),
            started_at=started_at,
            completed_at=max(started_at, time.time_ns() // 1_000_000),
            finish_reason=end.finish_reason,
            sampling=sampling,
            engine=self._engine.description,
        )

    async def _collect(self, job: Job, generation: Generation, cancel: asyncio.Event) -> list[Chunk]:
        chunks: list[Chunk] = []
        async for chunk in self._engine.generate(generation, cancel):
            if chunk.text:
                self._uplink.tokens(job.job_id, len(chunks), chunk.text)
            chunks.append(chunk)
        if _end(chunks).finish_reason == "cancelled":
            raise Cancelled(f"job {job.job_id} was taken away while it was answered")
        return chunks

    def _check_counts(self, job: Job, end: End) -> None:
        """An upstream server may count more than it was asked for; what the escrow does not cover cannot be proved."""
        cost = end.prompt_tokens * job.price_prompt_token + end.completion_tokens * job.price_completion_token
        if end.completion_tokens > job.max_tokens or cost > job.escrow:
            raise RequestRefused(
                f"the engine counts {end.prompt_tokens} + {end.completion_tokens} tokens, which cost {cost} wei: "
                f"job {job.job_id} allows {job.max_tokens} and {job.escrow} wei"
            )


def _end(chunks: list[Chunk]) -> End:
    if not chunks or chunks[-1].end is None:
        raise EngineUnavailable("the engine ended its stream without saying how")
    return chunks[-1].end
