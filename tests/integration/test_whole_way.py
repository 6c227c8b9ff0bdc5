"""One prompt's whole way over HTTP: ordered, told live, answered, paid, and checked by a stranger with the evidence."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from receipts.deployment import load
from receipts.verification import verify_bundle
from tallystick.asking import Told, follow
from tests.integration.books import close_the_books
from tests.integration.harness import House, tallystick
from tests.worker.lab import price_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

PROMPT = "why is the sky blue"
VERIFIED, FAILED, WRONG_USE, CONSISTENT = 0, 1, 2, 3


async def test_a_prompt_goes_its_whole_way_and_a_stranger_can_check_it(house: House) -> None:
    worker = house.hire()
    await house.start("serve", worker)
    job_id = await house.order(PROMPT, max_tokens=16)
    async with house.api() as http:
        told = [event async for event in follow(http, str(job_id))]
        job = (await http.get(f"/v1/prompts/{job_id}", params={"wait": 30})).json()
    bundle = await house.evidence(job_id)
    assert_told_in_order(told)
    assert "".join(event.data["text"] for event in told if event.name == "token") == f"{PROMPT} "
    assert (job["state"], job["answer"], job["amount"]) == ("settled", f"{PROMPT} ", str(price_of(PROMPT)))
    assert int(job["amount"]) + int(job["refund"]) == int(job["escrow"])
    assert (job["receipt"]["prompt_tokens"], job["receipt"]["completion_tokens"]) == (5, 5)
    assert_verified_against_the_chain(house, bundle, job["receipt"])
    await close_the_books(house, job_id)
    assert house.earned(house.workers[worker]) == price_of(PROMPT)


async def test_verify_says_by_its_exit_status_how_far_the_evidence_holds(house: House) -> None:
    worker = house.hire()
    await house.start("serve", worker)
    job_id = await house.order(PROMPT)
    await house.settled(job_id)
    bundle = await house.evidence(job_id)
    async with house.api() as http:
        other = (await http.get("/explorer/v1/blocks")).json()["data"][-1]["hash"]
    good = house.folder / "good.json"
    good.write_bytes(bundle)
    forged = house.folder / "forged.json"
    forged.write_bytes(bundle.replace(b'"completion_tokens":5', b'"completion_tokens":6'))
    own = msgspec.json.decode(bundle)["block"]["hash"]
    assert verify(house, good, "--rpc", house.network.url) == (VERIFIED, "verified")
    assert verify(house, good, "--block-hash", own) == (VERIFIED, "verified")
    assert verify(house, good) == (CONSISTENT, "consistent")
    assert verify(house, good, "--block-hash", other) == (FAILED, "failed")
    assert verify(house, forged, "--rpc", house.network.url) == (FAILED, "failed")
    assert verify(house, good, "--block-hash", "0x12")[0] == WRONG_USE
    assert verify(house, house.folder / "absent.json")[0] == WRONG_USE
    await close_the_books(house, job_id)


def assert_told_in_order(told: list[Told]) -> None:
    names = list(dict.fromkeys(event.name for event in told))
    order = ["queued", "claimed", "started", "token", "answered", "proving", "proved", "submitted"]
    assert [name for name in names if name in order] == order
    assert "settled" in names
    assert names[-1] == "indexed"


def assert_verified_against_the_chain(house: House, bundle: bytes, receipt: dict[str, Any]) -> None:
    """By the node's own word for the hash of the block, not by what the API says."""
    deployment = load(house.network.deployment_file)

    def block_hash_at(number: int) -> bytes:
        return bytes.fromhex(house.network.rpc("eth_getBlockByNumber", hex(number), False)["hash"][2:])

    verdict = verify_bundle(bundle, deployment, block_hash_at=block_hash_at)
    assert verdict.outcome == "verified", verdict.failure
    mined = house.network.rpc("eth_getTransactionReceipt", receipt["tx_hash"])
    assert (mined["blockHash"], int(mined["gasUsed"], 16)) == (receipt["block_hash"], receipt["gas_used"])
    assert msgspec.json.decode(bundle)["block"]["hash"] == mined["blockHash"]


def verify(house: House, bundle: Path, *options: str) -> tuple[int, str]:
    """Exit status of `tallystick verify` and the outcome it prints."""
    pinned = ("--deployment", str(house.network.deployment_file))
    done = tallystick("verify", str(bundle), "--json", *pinned, *options)
    outcome = msgspec.json.decode(done.stdout)["outcome"] if done.stdout.startswith("{") else ""
    return done.returncode, outcome
