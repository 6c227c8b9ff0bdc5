"""What cannot be answered is refused where it arrives, over HTTP and on the command line; nothing of it reaches chain,
ledger or content, and the next good order goes through."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.books import close_the_books
from tests.integration.harness import COMMAND_S_MAX, House, tallystick
from tests.network import MODEL_ID, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

JSON = {"Content-Type": "application/json"}
BIG = 50_000_000

ORDERS: list[tuple[dict[str, Any], str]] = [
    ({"prompt": "hi", "model": "gpt-9"}, "there is no model 'gpt-9'"),
    ({"prompt": ""}, "the prompt is empty"),
    ({"prompt": "x" * 70_000}, "at most 65536 are taken"),
    ({"prompt": "hi", "max_tokens": 1_000_000}, "allows 1 to 1024"),
    ({"prompt": "hi", "value": "1"}, "the value is 1 wei, the order may cost"),
]
BODIES: list[tuple[bytes, int]] = [
    (b'{"prompt": "\xff\xfe"}', 400),
    (b'{"prompt": "hi"', 400),
    (b"not JSON at all", 400),
    (b'{"prompt": "' + b"x" * BIG + b'"}', 413),
]
WORDS: list[tuple[list[str], str]] = [
    (["hi", "--model", "gpt-9"], f"There are: {MODEL_ID}"),
    ([""], "the prompt is empty"),
    (["x" * 70_000], "at most 65536 are taken"),
    (["hi", "--max-tokens", "1000000"], "allows 1 to 1024"),
    (["hi", "--value", "1"], "Raise value to"),
]


async def test_bad_orders_are_refused_and_leave_nothing_behind(house: House) -> None:
    worker = house.hire()
    await house.start("serve", worker)
    before = await traces(house)
    async with house.api() as http:
        for body, words in ORDERS:
            refused = await http.post("/v1/prompts", json=body)
            assert_problem(refused, 400)
            assert words in refused.json()["detail"]
        for content, status in BODIES:
            assert_problem(await http.post("/v1/prompts", content=content, headers=JSON), status)
        assert_problem(await http.post("/v1/prompts", content=pieces(), headers=JSON), 413)
    for arguments, words in WORDS:
        assert words in refused_sentence(house, *arguments)
    for command, given in (([], b"\xff\xfe hi"), ([b"\xff\xfe hi"], b"")):
        assert "is not UTF-8 (byte 0)" in complaint(house, command, given)
    assert await traces(house) == before
    job_id = await house.order("a good one")
    await house.settled(job_id)
    await house.evidence(job_id)
    await close_the_books(house, job_id)


def assert_problem(refused: httpx.Response, status: int) -> None:
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json"), refused.text
    problem = refused.json()
    assert problem["detail"]
    assert problem["remedy"]


async def pieces() -> AsyncIterator[bytes]:
    """A body whose size is not told beforehand."""
    for _ in range(BIG // 1_000_000):
        yield b"x" * 1_000_000


def refused_sentence(house: House, *words: str) -> str:
    done = tallystick("ask", *words, "--api-url", house.api_url)
    assert (done.returncode, done.stdout) == (1, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("Error: ")
    return sentence


def complaint(house: House, words: list[bytes], given: bytes) -> str:
    """What `ask` says to bytes that no string can carry."""
    command: list[str | bytes] = [sys.executable, "-m", "tallystick", "ask", "--api-url", house.api_url, *words]
    done = subprocess.run(command, input=given, capture_output=True, cwd=ROOT, timeout=COMMAND_S_MAX, check=False)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    return done.stderr.decode()


async def traces(house: House) -> tuple[int, int, list[Path]]:
    """Everything an order could have left: jobs, facts of orders and transactions, blocks of content."""
    content = sorted(path for path in (house.folder / "content").rglob("*") if path.is_file())
    return house.network.call("InferenceCoordinator", "jobCount"), house.ordered(), content
