"""`tallystick demo` with a server of words in vLLM's place: everything else is what `make demo` brings up."""

import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped]
import pytest
from aiohttp import web
from rich.console import Console

from receipts.model_manifest import FILE_NAME, describe, encode_manifest
from receipts.request import Message
from receipts.tokens import FolderTokenizer
from tallystick import demo as demonstration
from tallystick.cli.network import ANY_PORTS, TIMES, _demo
from tallystick.network import Plan
from tests.network import MODEL_ID, ROOT
from tests.receipts.byte_tokenizer import ids_of, write_tokenizer
from tests.worker.upstream import Upstream, serving

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

QUESTIONS = ("What is a tally stick?", "Name three things that a receipt should say, and why, in one sentence each.")


class Speaker(Upstream):
    """Says the question again, counted by the model's own tokenizer: who checks receipts counts again."""

    def __init__(self, model: Path) -> None:
        super().__init__()
        self._model, self._tokenizer = model, FolderTokenizer(model, describe(model))

    async def _tokenize(self, request: web.Request) -> web.Response:
        return web.json_response({"count": self._count(await request.json()), "max_model_len": 2048})

    async def _events(self, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        asked = body["messages"][-1]["content"]
        said = asked[: body["max_tokens"]]
        for letter, token in zip(said, ids_of(self._model, said), strict=True):
            yield {"choices": [{"delta": {"content": letter}, "token_ids": [token]}]}
        yield {"choices": [{"delta": {}, "finish_reason": "stop" if said == asked else "length"}]}
        yield {"choices": [], "usage": {"prompt_tokens": self._count(body), "completion_tokens": len(said)}}

    def _count(self, body: dict[str, Any]) -> int:
        return self._tokenizer.count_prompt(msgspec.convert(body["messages"], list[Message]))


async def test_the_demo_tells_of_every_question_what_was_answered_paid_and_proved(tmp_path: Path) -> None:
    model, evidence, said = tmp_path / "model", tmp_path / "evidence", io.StringIO()
    model.mkdir()
    evidence.mkdir()
    write_tokenizer(model)
    (model / FILE_NAME).write_bytes(encode_manifest(describe(model)))
    before = set(psutil.Process().children())
    async with serving(Speaker(model)) as upstream:
        engine = ("--engine", "openai", "--engine-url", upstream.url)
        plan = Plan(ROOT, tmp_path / "demo", ANY_PORTS, model, Path(sys.executable), engine)
        told = await _demo(Console(file=said, width=200), plan, QUESTIONS, evidence)
    assert demonstration.is_good(told)
    assert told.keys() >= {"jobs", "escrow", "node", "timings"}
    for question, job in zip(QUESTIONS, told["jobs"], strict=True):
        assert (job["prompt"], job["answer"], job["model"]) == (question, question[:48], MODEL_ID)
        assert job["completion_tokens"] == len(job["answer"])
        assert 0 < job["amount_wei"] < 10**18
        assert 0 <= job["network_overhead_s"] <= job["split_s"]["total"]
        assert set(job["split_s"]) == {*TIMES, "total"}
        receipt = job["receipt"]
        assert receipt["state"] == "verified"
        assert receipt["gas"] > 0
        assert all(receipt[name].startswith("0x") for name in ("tx_hash", "block_hash", "commitment"))
        assert receipt["evidence"] == str(evidence / f"{job['job_id']}.json")
        assert question in said.getvalue()
    assert told["node"]["settled"] == len(QUESTIONS)
    assert len(list(evidence.iterdir())) == len(QUESTIONS) + 1, "a bundle for each, and the deployment"
    assert all(word in said.getvalue() for word in ("tokens", "price", "receipt", "transaction", "gas", *TIMES))
    assert set(psutil.Process().children()) <= before, "what it started ends with it"


def test_the_demo_is_good_only_if_every_receipt_holds_and_the_books_balance() -> None:
    good = {"jobs": [{"receipt": {"state": "verified"}}], "escrow": {"balanced": True}, "rechecked": 1}
    assert demonstration.is_good(good)
    assert not demonstration.is_good(good | {"jobs": [{"receipt": {"state": "pending"}}]})
    assert not demonstration.is_good(good | {"escrow": {"balanced": False}})
    assert not demonstration.is_good(good | {"rechecked": 0})
