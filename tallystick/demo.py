"""Prompts come in; each goes its whole way through a running network, and what it cost in time and money comes out."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct

from receipts.deployment import Deployment
from receipts.tokens import tokenizer_in
from receipts.verification import verify_bundle
from tallystick.asking import Question, Told, follow, order, result
from tallystick.http import answer
from tallystick.network import Running

PROMPTS = (
    "What is a tally stick, and why could neither side forge it?",
    "Name three things that a receipt should say.",
    "Why is the sky blue? Answer in one sentence.",
)
MAX_TOKENS = 48
BOOKS_TIMEOUT_S = 10.0


class BadPrompts(Exception):
    """The file of prompts cannot be used."""


class Split(Struct, frozen=True):
    """Where a job's time went, in seconds: from the order to the receipt that everyone can read."""

    queue: float
    inference: float
    proof: float
    settlement: float
    indexed: float
    total: float


class Asked(Struct, frozen=True):
    """One job that came to its end."""

    prompt: str
    job: dict[str, Any]
    split: Split
    evidence: Path | None

    @property
    def receipt(self) -> dict[str, Any]:
        return self.job["receipt"] or {}

    @property
    def is_verified(self) -> bool:
        return self.receipt.get("state") == "verified"

    @property
    def network_overhead_s(self) -> float:
        """All the time but the engine's own."""
        return self.split.total - self.split.inference


def read_prompts(file: Path | None) -> tuple[str, ...]:
    """Ours, or one prompt a line; empty lines do not count. Raises BadPrompts."""
    if file is None:
        return PROMPTS
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as fault:
        raise BadPrompts(f"{file}: {fault.strerror}; name a text file with one prompt a line") from None
    except UnicodeDecodeError as fault:
        raise BadPrompts(f"{file} is not UTF-8 (byte {fault.start}): save it as UTF-8, one prompt a line") from None
    prompts = tuple(line.strip() for line in lines if line.strip())
    if not prompts:
        raise BadPrompts(f"{file} holds no prompt: write one a line")
    return prompts


async def ask(api: httpx.AsyncClient, prompt: str, evidence: Path, told: Callable[[Told], None]) -> Asked:
    """Orders one answer and sees it to its receipt; `told` hears everything on the way."""
    began = time.monotonic()
    placed = await order(api, Question(prompt, max_tokens=MAX_TOKENS, temperature=0.0))
    reached: dict[str, float] = {}
    async for event in follow(api, placed["job_id"]):
        reached.setdefault(event.name, event.at)
        told(event)
    job = await result(api, placed["job_id"])
    split = split_of(began, reached, time.monotonic(), job["receipt"])
    if job["state"] != "settled":
        return Asked(prompt, job, split, None)
    bundle = answer(await api.get(placed["links"]["evidence"])).content
    return Asked(prompt, job, split, _save(bundle, evidence / f"{placed['job_id']}.json"))


def split_of(began: float, reached: dict[str, float], ended: float, receipt: dict[str, Any] | None) -> Split:
    """The way of one job by its events; a stage that was not told takes no time of its own."""
    started = reached.get("started", began)
    answered = reached.get("answered", started)
    proved = max(answered, reached.get("proved", answered))
    submitted = max(proved, reached.get("submitted", reached.get("settled", proved)))
    inference = answered - started
    if receipt and receipt["started_at"] and receipt["completed_at"]:
        inference = _seconds(receipt["completed_at"]) - _seconds(receipt["started_at"])
    return Split(
        queue=started - began,
        inference=inference,
        proof=proved - answered,
        settlement=submitted - proved,
        indexed=ended - submitted,
        total=ended - began,
    )


def recheck(jobs: list[Asked], deployment: Deployment, model_folder: Path) -> int:
    """How many bundles verify from their bytes alone, tokens recounted, anchored at the block they settled in."""
    verdicts = [
        verify_bundle(
            each.evidence.read_bytes(),
            deployment,
            block_hash=bytes.fromhex(each.receipt["block_hash"][2:]),
            tokenizer_of=tokenizer_in(model_folder),
        )
        for each in jobs
        if each.evidence is not None
    ]
    return sum(verdict.outcome == "verified" for verdict in verdicts)


async def reconcile(api: httpx.AsyncClient) -> dict[str, Any]:
    """The books as indexed against the contracts' own; the answer says whether they balance."""
    books: dict[str, Any] = answer(await api.get("/explorer/v1/reconciliation", timeout=BOOKS_TIMEOUT_S)).json()["data"]
    return books


def report(
    up: Running,
    jobs: list[Asked],
    books: dict[str, Any],
    node: dict[str, Any],
    rechecked: int,
    timings: dict[str, float],
) -> dict[str, Any]:
    """What `demo.json` holds."""
    return {
        "jobs": [_job_report(each) for each in jobs],
        "escrow": books,
        "node": node,
        "rechecked": rechecked,
        "timings": timings,
        "chain": {"id": up.deployment.chain_id, "coordinator": "0x" + up.deployment.coordinator.hex()},
    }


def is_good(told: dict[str, Any]) -> bool:
    """Of a report: every receipt was verified, on chain and once more from its bytes, and the books balance."""
    verified = all(job["receipt"]["state"] == "verified" for job in told["jobs"])
    return bool(verified and told["escrow"]["balanced"] and told["rechecked"] == len(told["jobs"]))


def _job_report(asked: Asked) -> dict[str, Any]:
    job, receipt, split = asked.job, asked.receipt, asked.split
    return {
        "prompt": asked.prompt,
        "answer": job["answer"],
        "job_id": job["job_id"],
        "model": job["model"],
        "prompt_tokens": receipt.get("prompt_tokens"),
        "completion_tokens": receipt.get("completion_tokens"),
        "amount_wei": int(receipt["amount"]) if receipt.get("amount") else None,
        "inference_s": round(split.inference, 3),
        "network_overhead_s": round(asked.network_overhead_s, 3),
        "split_s": {name: round(getattr(split, name), 3) for name in split.__struct_fields__},
        "receipt": {
            "state": receipt.get("state", "missing"),
            "tx_hash": receipt.get("tx_hash"),
            "block_hash": receipt.get("block_hash"),
            "gas": receipt.get("gas_used"),
            "commitment": receipt.get("commitment"),
            "evidence": str(asked.evidence) if asked.evidence else None,
        },
    }


def _save(bundle: bytes, path: Path) -> Path:
    path.write_bytes(bundle)
    return path


def _seconds(moment: str) -> float:
    """An ISO 8601 time as Unix seconds."""
    return datetime.fromisoformat(moment).timestamp()
