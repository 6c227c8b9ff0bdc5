"""Whole workers against a real chain: every job answered once, paid once, whatever happens on the way."""

import asyncio
import os
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from msgspec.structs import replace

from receipts.content.access import Unreachable
from receipts.content.store import BlockStore
from receipts.model_manifest import ModelFile, ModelManifest, encode_manifest
from tests.worker.lab import Lab, price_of, until
from tests.worker.test_uplink import Api
from tests.worker.test_uplink import serving as serving_api
from tests.worker.upstream import Upstream
from tests.worker.upstream import serving as serving_upstream
from worker.engine import EngineUnavailable
from worker.journal import AnswerSent, Settled
from worker.service import UnfitDeployment, serve

OPEN, CLAIMED, ANSWERED, SETTLED = 1, 2, 3, 4
LEASE_S = 300
pytestmark = pytest.mark.slow


async def test_a_job_is_answered_proved_and_paid(lab: Lab) -> None:
    worker = lab.network.register_worker()
    async with lab.working(worker):
        job_id = lab.ask("why is the sky blue")
        await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")
    assert isinstance(lab.works(worker)[job_id].end, Settled)
    assert lab.earned(worker) == price_of("why is the sky blue")


async def test_two_workers_race_for_fifty_jobs_and_each_is_answered_and_paid_once(lab: Lab, upstream: Upstream) -> None:
    one, other = lab.network.register_worker(0), lab.network.register_worker(1)
    prompts = [f"question number {number} of fifty" for number in range(50)]
    jobs = [lab.ask(prompt) for prompt in prompts]
    upstream.gate.clear()
    async with lab.working(one, concurrency=4), lab.working(other, concurrency=4):
        await until(lambda: upstream.running == 8, "both are at work")
        upstream.gate.set()
        await until(lambda: all(lab.status(job_id) == SETTLED for job_id in jobs), "all jobs are settled")
    assert lab.earned(one) + lab.earned(other) == sum(price_of(prompt) for prompt in prompts)
    assert lab.earned(one) > 0
    assert lab.earned(other) > 0
    assert sorted(upstream.prompts) == sorted(prompts)
    assert sorted(lab.completed()) == jobs


async def test_many_answers_share_a_transaction(lab: Lab) -> None:
    worker = lab.network.register_worker()
    jobs = [lab.ask(f"question {number}") for number in range(12)]
    async with lab.working(worker, concurrency=12):
        await until(lambda: all(lab.status(job_id) == SETTLED for job_id in jobs), "all jobs are settled")
    assert len(lab.settlements()) < 6


async def test_a_lease_that_ran_out_frees_the_job_and_the_late_answer_is_refused(lab: Lab, upstream: Upstream) -> None:
    slow, quick = lab.network.register_worker(0), lab.network.register_worker(1)
    upstream.gate.clear()
    async with serving_upstream() as other_upstream, lab.working(slow, drain_s=0):
        job_id = lab.ask("who is first")
        await until(lambda: upstream.running == 1, "the slow worker answers")
        lab.network.jump(LEASE_S + 1)
        async with lab.working(quick, engine_url=other_upstream.url):
            await until(lambda: lab.status(job_id) == SETTLED, "the quick worker is paid")
            await until(lambda: upstream.running == 0, "the slow worker gives up")
            upstream.gate.set()
    late = lab.network.transact(slow, "InferenceCoordinator", "submitResponse", job_id, "QmLate")
    assert late["status"] == "0x0"
    assert lab.earned(slow) == 0
    assert lab.earned(quick) == price_of("who is first")
    assert lab.completed() == [job_id]


async def test_a_worker_whose_lease_ran_out_claims_again_and_keeps_its_answer(lab: Lab, upstream: Upstream) -> None:
    worker = lab.network.register_worker()
    upstream.gate.clear()
    async with lab.working(worker):
        job_id = lab.ask("still there")
        await until(lambda: upstream.running == 1, "the worker answers")
        lab.network.jump(LEASE_S + 1)
        upstream.gate.set()
        await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")
    assert lab.works(worker)[job_id].claims == 2
    assert upstream.prompts == ["still there"]
    assert lab.earned(worker) == price_of("still there")


async def test_an_answer_goes_ahead_of_its_proof_when_the_lease_is_about_to_end(lab: Lab) -> None:
    worker = lab.network.register_worker()
    async with lab.working(worker, lease_margin_s=LEASE_S + 60):
        job_id = lab.ask("hurry up")
        await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")
    assert isinstance(lab.works(worker)[job_id].answer_sent, AnswerSent)
    assert lab.completed() == [job_id]
    assert lab.earned(worker) == price_of("hurry up")


@pytest.mark.parametrize("prompt", [b"", b"\xff\xfe not text", b'{"schema":"tallystick/request/9"}'])
async def test_a_prompt_that_cannot_be_answered_is_not_claimed(lab: Lab, prompt: bytes) -> None:
    worker = lab.network.register_worker()
    async with lab.working(worker):
        bad = lab.network.order(lab.content.write(prompt))
        good = lab.ask("a good one")
        await until(lambda: lab.status(good) == SETTLED, "the good job is settled")
    assert lab.status(bad) == OPEN


async def test_a_job_that_pays_less_than_its_gas_is_left_alone(lab: Lab) -> None:
    worker = lab.network.register_worker()
    async with lab.working(worker, gas_cover_percent=100_000):
        poor, rich = lab.ask("poor", value=3 * 10**13), lab.ask("rich", value=10**18)
        await until(lambda: lab.status(rich) == SETTLED, "the rich job is settled")
    assert lab.status(poor) == OPEN


class AwayContent(BlockStore):
    """A store that does not answer until it is told to."""

    is_away = True

    async def get(self, cid: str) -> bytes:
        if self.is_away:
            raise Unreachable("the store does not answer: start it")
        return await super().get(cid)


async def test_a_worker_waits_for_a_content_store_that_does_not_answer_at_its_start(
    lab: Lab, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.service.CONTENT_RETRY_S", 0.05)
    worker, lab.content = lab.network.register_worker(), (away := AwayContent(lab.folder / "content"))
    async with lab.working(worker):
        await until(lambda: "waiting for the content store: the store does not" in caplog.text, "it says why it waits")
        away.is_away = False
        job_id = lab.ask("patience")
        await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")
    assert caplog.text.count("waiting for the content store") == 1


async def test_a_worker_that_waits_for_its_content_store_can_be_stopped(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    lab.content = AwayContent(lab.folder / "content")
    async with lab.working(lab.network.workers[0]):
        await until(lambda: "waiting for the content store" in caplog.text, "it says why it waits")


async def test_a_job_too_small_for_its_gas_is_taken_once_gas_is_cheaper(
    lab: Lab, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.choosing.GAS_PRICE_S", 0.1)
    caplog.set_level("INFO", "worker.choosing")
    worker = lab.network.register_worker()
    lab.network.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**12))
    async with lab.working(worker, gas_cover_percent=100):
        job_id = lab.ask("patience", value=10**16)
        await until(lambda: "are the least at a gas price of" in caplog.text, "the worker says why it waits")
        assert lab.status(job_id) == OPEN
        lab.network.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**6))
        lab.network.mine()
        await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")


async def test_a_worker_without_a_stake_says_so_and_begins_once_it_has_one(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    async with lab.working(lab.network.workers[0]):
        job_id = lab.ask("anybody")
        await until(lambda: "may not claim: register it" in caplog.text, "the worker says why it waits")
        assert lab.status(job_id) == OPEN
        lab.network.register_worker(0)
        await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")


async def test_an_engine_in_trouble_stops_the_intake_until_it_is_well(
    lab: Lab, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    worker = lab.network.register_worker()
    async with lab.working(worker):
        first = lab.ask("before")
        await until(lambda: lab.status(first) == SETTLED, "the first job is settled")
        upstream.status = 503
        await until(lambda: "taking no work: engine" in caplog.text, "the worker says why it waits")
        second = lab.ask("during")
        await asyncio.sleep(0)
        assert lab.status(second) == OPEN
        upstream.status = 200
        await until(lambda: lab.status(second) == SETTLED, "the second job is settled")


async def test_a_stream_that_breaks_off_is_asked_for_again(lab: Lab, upstream: Upstream) -> None:
    worker = lab.network.register_worker()
    upstream.breaks_after = 1
    async with lab.working(worker):
        job_id = lab.ask("one two three")
        await until(lambda: len(upstream.prompts) == 1, "the first attempt")
        upstream.breaks_after = None
        await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")
    answer = lab.works(worker)[job_id].answer
    assert answer is not None
    assert answer.text == "one two three "


async def test_stopping_finishes_and_settles_what_is_held_and_takes_nothing_new(lab: Lab, upstream: Upstream) -> None:
    worker = lab.network.register_worker()
    upstream.gate.clear()
    async with lab.working(worker) as stop:
        held = lab.ask("held already")
        await until(lambda: upstream.running == 1, "the worker answers")
        stop.set()
        late = lab.ask("too late")
        upstream.gate.set()
    assert lab.status(held) == SETTLED
    assert lab.status(late) == OPEN


async def test_a_signal_to_the_whole_process_group_does_not_reach_the_provers(lab: Lab) -> None:
    async with lab.working(lab.network.register_worker()):
        job_id = lab.ask("prove it")
        await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")
        provers = [each.pid for each in psutil.Process().children() if "spawn_main" in " ".join(each.cmdline())]
        assert provers
        assert {os.getpgid(pid) for pid in provers}.isdisjoint({os.getpgid(0)})


async def test_stopping_is_bounded_and_a_restart_goes_on(lab: Lab, upstream: Upstream) -> None:
    worker = lab.network.register_worker()
    upstream.gate.clear()
    async with lab.working(worker, drain_s=0.2):
        job_id = lab.ask("cut short")
        await until(lambda: upstream.running == 1, "the worker answers")
    assert lab.status(job_id) == CLAIMED
    upstream.gate.set()
    async with lab.working(worker):
        await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")
    assert lab.works(worker)[job_id].claims == 1


async def test_the_api_hears_of_every_stage_and_gets_the_signed_receipt(lab: Lab) -> None:
    worker = lab.network.register_worker()
    async with serving_api(Api()) as api, lab.working(worker, api_url=api.url):
        job_id = lab.ask("tell me more")
        await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")
        await until(lambda: api.documents, "the receipt was published")
    of_job = [said for said in api.heard if said.get("job") == job_id]
    assert [said["stage"] for said in of_job if said["type"] == "progress"] == [
        "started", "answered", "proving", "proved", "submitted",
    ]  # fmt: skip
    assert "".join(said["text"] for said in of_job if said["type"] == "tokens") == "tell me more "
    assert [said for said in api.heard if said["type"] == "sample"]
    assert len(api.documents) == 1
    assert lab.works(worker)[job_id].is_published


async def test_a_receipt_that_the_api_was_not_there_for_is_published_after_a_restart(lab: Lab) -> None:
    worker = lab.network.register_worker()
    async with lab.working(worker, api_url="http://127.0.0.1:9"):
        job_id = lab.ask("nobody listens")
        await until(lambda: lab.status(job_id) == SETTLED, "the job is settled")
    async with serving_api(Api()) as api, lab.working(worker, api_url=api.url):
        await until(lambda: len(api.documents) == 1, "the receipt was published")


async def test_a_worker_whose_engine_cannot_be_reached_ends_with_that_one_error(lab: Lab) -> None:
    async with lab.parts(lab.network.workers[0], engine_url="http://127.0.0.1:9") as parts:
        with pytest.raises(EngineUnavailable, match=r"http://127\.0\.0\.1:9"):
            await serve(replace(lab.settings, engine_url="http://127.0.0.1:9"), parts, asyncio.Event())


async def test_a_worker_with_another_circuits_keys_does_not_begin(lab: Lab) -> None:
    async with lab.parts(lab.network.workers[0]) as parts:
        circuit = replace(lab.network.deployment.circuit, digest="0x" + "11" * 32)
        stranger = replace(parts, deployment=replace(lab.network.deployment, circuit=circuit))
        with pytest.raises(UnfitDeployment, match="name the right keys_folder"):
            await serve(lab.settings, stranger, asyncio.Event())


async def test_a_model_folder_that_is_not_the_registered_model_is_refused(lab: Lab, tmp_path: Path) -> None:
    other = ModelManifest((ModelFile("config.json", 2, "0" * 64),))
    (tmp_path / "manifest.json").write_bytes(encode_manifest(other))
    settings = replace(lab.settings, engine="vllm", model_folder=str(tmp_path))
    async with lab.parts(lab.network.workers[0]) as parts:
        with pytest.raises(UnfitDeployment, match=r"is registered as Qm.* holds Qm"):
            await serve(settings, parts, asyncio.Event())
