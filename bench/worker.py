"""One engine in, its throughput out twice: asked by nobody but vLLM's own API, and by a worker that is paid for it.

`make bench-worker`, in the worker's environment. Both sides answer the same prompts with the same engine in the same
run, in turns; the worker's time runs from the block that holds the orders to the last settlement on chain, claims,
proofs and settlements included. Writes bench/results/worker.json; fails below the promised ratios.
"""

import asyncio
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped]

from receipts.content.unixfs import cid_of
from tests.network import Account, Network, deployed, running
from tests.worker.lab import Lab
from worker.model_files import read_manifest
from worker.settings import Settings
from worker.vllm_engine import VllmEngine

RESULTS = Path(__file__).parent / "results" / "worker.json"
MODEL_FOLDER = Path(".tallystick/models/smollm2-135m-instruct")
MODEL_ID = "smollm2-bench"
TOKENS = 64
ROUNDS = 3
PROMPTS_PER_ROUND = {1: 4, 8: 64, 32: 128}
LEAST = {1: 0.90, 8: 0.90, 32: 0.80}
VALUE = 10**16
POLL_S = 0.1
SETTLED = 4
TOPICS = (
    "rivers",
    "bridges",
    "clocks",
    "bread",
    "maps",
    "glass",
    "lighthouses",
    "paper",
    "salt",
    "wool",
    "ink",
    "trees",
)


class Round(msgspec.Struct, frozen=True):
    """One side's turn; `cpu_s` is what our processes used of the cores, the chain's not counted."""

    tokens: int
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds


class Bench:
    """The engine, the chain and the worker under test."""

    def __init__(self, lab: Lab, network: Network, engine: VllmEngine, account: Account) -> None:
        self.lab = lab
        self.network = network
        self.engine = engine
        self.account = account

    async def bare(self, prompts: list[str], at_once: int) -> Round:
        """The prompts through vLLM's AsyncLLM itself, `at_once` at a time."""
        from vllm import SamplingParams  # type: ignore[import-not-found]
        from vllm.sampling_params import RequestOutputKind  # type: ignore[import-not-found]

        llm = self.engine._llm
        parameters = SamplingParams(max_tokens=TOKENS, temperature=0.0, output_kind=RequestOutputKind.DELTA)
        turns = asyncio.Semaphore(at_once)

        async def ask(number: int, prompt: str) -> int:
            async with turns:
                ids = llm.get_tokenizer().apply_chat_template(
                    [{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=True, return_dict=False
                )
                outputs = llm.generate({"prompt_token_ids": ids}, parameters, request_id=f"bare-{number}-{time.time()}")
                return sum([len(output.outputs[0].token_ids) async for output in outputs])

        began, cpu_s = time.perf_counter(), used_cpu_s()
        tokens = await asyncio.gather(*[ask(number, prompt) for number, prompt in enumerate(prompts)])
        return Round(sum(tokens), time.perf_counter() - began, used_cpu_s() - cpu_s)

    async def paid(self, prompts: list[str]) -> Round:
        """The prompts as orders that are mined in one block, until the worker has been paid for all of them."""
        await asyncio.to_thread(self._order, prompts)
        newest = self.network.call("InferenceCoordinator", "jobCount")
        began, cpu_s = time.perf_counter(), used_cpu_s()
        await asyncio.to_thread(self._wait_settled, range(newest - len(prompts) + 1, newest + 1))
        seconds, cpu_s = time.perf_counter() - began, used_cpu_s() - cpu_s
        jobs = sorted(self.lab.works(self.account).values(), key=lambda work: work.job_id)[-len(prompts) :]
        return Round(sum(work.answer.completion_tokens for work in jobs if work.answer), seconds, cpu_s)

    def _order(self, prompts: list[str]) -> None:
        self.network.rpc("evm_setAutomine", False)
        for prompt in prompts:
            cid = self.lab.content.write(prompt.encode())
            self.network.send(
                self.network.orderer, "InferenceCoordinator", "submitOrder", cid, MODEL_ID, TOKENS, 0,
                "0x" + bytes(20).hex(), "0x" + bytes(20).hex(), 0, value=VALUE,
            )  # fmt: skip
        self.network.mine()
        self.network.rpc("evm_setAutomine", True)

    def _wait_settled(self, job_ids: Iterable[int]) -> None:
        for job_id in job_ids:
            while self.lab.status(job_id) != SETTLED:
                time.sleep(POLL_S)


def prompts_for(count: int) -> list[str]:
    return [
        f"Explain in detail the history of {TOPICS[number % len(TOPICS)]}, part {number}." for number in range(count)
    ]


@asynccontextmanager
async def prepared(folder: Path) -> AsyncIterator[tuple[Lab, VllmEngine, Account]]:
    with running(deployed()) as network:
        manifest = read_manifest(MODEL_FOLDER)
        network.transact(
            network.owner, "ModelRegistry", "registerModel", MODEL_ID, str(cid_of(manifest)), "SmolLM2", ""
        )
        account = network.register_worker()
        lab = Lab(network, folder, "http://127.0.0.1:9")
        lab.settings = Settings(model_id=MODEL_ID, model_folder=str(MODEL_FOLDER), context_tokens=512, concurrency=32)
        engine = VllmEngine(lab.settings)
        await engine.start()
        try:
            yield lab, engine, account
        finally:
            await engine.close()


async def measure(bench: Bench, at_once: int) -> dict[str, Any]:
    """Both sides in turns; the median of the turns' ratios, as the machine's pace drifts."""
    prompts = prompts_for(PROMPTS_PER_ROUND[at_once])
    choices = {"concurrency": at_once, "claim_ahead": max(2, at_once)}
    async with bench.lab.working(bench.account, _Kept(bench.engine), **choices):
        await bench.paid(prompts[:at_once])
        await bench.bare(prompts[:at_once], at_once)
        pairs = []
        for _ in range(ROUNDS):
            pairs.append((await bench.bare(prompts, at_once), await bench.paid(prompts)))
            print(
                f"  {at_once:>2} at once: bare {pairs[-1][0].rate:6.1f}, worker {pairs[-1][1].rate:6.1f} tokens/s",
                flush=True,
            )
    bare = statistics.median(pair[0].rate for pair in pairs)
    paid = statistics.median(pair[1].rate for pair in pairs)
    return {
        "bare_tokens_per_s": round(bare, 1),
        "worker_tokens_per_s": round(paid, 1),
        "ratio": round(statistics.median(pair[1].rate / pair[0].rate for pair in pairs), 3),
        "ratios": [round(pair[1].rate / pair[0].rate, 3) for pair in pairs],
        "bare_cpu_ms_per_answer": round(statistics.median(pair[0].cpu_s for pair in pairs) / len(prompts) * 1000),
        "worker_cpu_ms_per_answer": round(statistics.median(pair[1].cpu_s for pair in pairs) / len(prompts) * 1000),
        "prompts": len(prompts),
    }


class _Kept:
    """The engine for a worker that is stopped between measurements, while the engine is not."""

    def __init__(self, engine: VllmEngine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def close(self) -> None:
        """It is used again."""


async def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        async with prepared(Path(folder)) as (lab, engine, account):
            bench = Bench(lab, lab.network, engine, account)
            figures = {str(at_once): await measure(bench, at_once) for at_once in PROMPTS_PER_ROUND}
            memory = [(process.name(), process.memory_info().rss >> 20) for process in family()]
    results = {
        "figures": {
            "tokens per answer": TOKENS,
            "memory, MiB": memory,
            **{f"{at_once} at once": figure for at_once, figure in figures.items()},
        },
        "ratios": {f"worker / bare vLLM, {at_once} at once": figure["ratio"] for at_once, figure in figures.items()},
        "machine": {
            "cores": psutil.cpu_count(),
            "python": platform.python_version(),
            "model": MODEL_ID,
            **msgspec.to_builtins(engine.description),
        },
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(msgspec.json.format(msgspec.json.encode(results), indent=2).decode() + "\n")
    missed = [at_once for at_once, least in LEAST.items() if figures[str(at_once)]["ratio"] < least]
    for at_once, figure in figures.items():
        print(f"{at_once:>2} at once: {figure['ratio']:.1%} of bare vLLM ({figure['worker_tokens_per_s']} tokens/s)")
    if missed:
        print(f"below the promise at {', '.join(map(str, missed))} at once", file=sys.stderr)
    return 1 if missed else 0


def used_cpu_s() -> float:
    times = [process.cpu_times() for process in family() if process.name() != "anvil"]
    return sum(each.user + each.system for each in times)


def family() -> list[psutil.Process]:
    here = psutil.Process()
    return [here, *here.children(recursive=True)]


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
