"""A question goes in; the job's events come out as they happen, and then its result."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx_sse
import msgspec
from msgspec import Struct

from tallystick.http import answer

ENDINGS = frozenset({"indexed", "failed"})
RECEIPT_WAIT_S = 30.0
RECONNECTS_MAX = 20
RECONNECT_PAUSE_S = 0.5


class Question(Struct, frozen=True, omit_defaults=True):
    """What is ordered; what is None is left to the API."""

    prompt: str
    model: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    value: str | None = None


class Told(Struct, frozen=True):
    """One event of a job's story, and when it reached us (seconds, monotonic)."""

    name: str
    data: dict[str, Any]
    at: float


async def order(api: httpx.AsyncClient, question: Question) -> dict[str, Any]:
    """Places the order; the job as the API answers. Raises Declined."""
    placed: dict[str, Any] = answer(await api.post("/v1/prompts", json=msgspec.to_builtins(question))).json()
    return placed


async def follow(api: httpx.AsyncClient, job_id: str) -> AsyncIterator[Told]:
    """The job's events until its end; goes on where it was when the connection breaks. Raises Declined."""
    last_id, breaks = "", 0
    while True:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        try:
            async with httpx_sse.aconnect_sse(api, "GET", f"/v1/prompts/{job_id}/events", headers=headers) as source:
                if not source.response.is_success:
                    await source.response.aread()
                answer(source.response)
                async for event in source.aiter_sse():
                    last_id = event.id or last_id
                    yield Told(event.event, msgspec.json.decode(event.data or "{}"), time.monotonic())
                    if event.event in ENDINGS:
                        return
        except httpx.TransportError:
            breaks += 1
            if breaks > RECONNECTS_MAX:
                raise
            await asyncio.sleep(RECONNECT_PAUSE_S)


async def result(api: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    """The job as it ended, with its receipt's document where one was published in time."""
    deadline = time.monotonic() + RECEIPT_WAIT_S
    while True:
        job: dict[str, Any] = answer(await api.get(f"/v1/prompts/{job_id}", params={"wait": 5})).json()
        receipt = job["receipt"]
        is_settled = receipt is not None and receipt["state"] == "verified"
        if (is_settled and receipt["receipt_cid"]) or not is_settled or time.monotonic() > deadline:
            return job
        await asyncio.sleep(0.02)
