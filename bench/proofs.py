"""The same receipts go to each prover in turn; the cost of witness, proof and self-check comes out, beside snarkjs's.

`python -m bench.proofs` prints the table, writes results/proofs.json, and exits 1 if the default prover needs more CPU
than its limit or is less than three times as cheap as snarkjs. snarkjs runs warm in one process, with threads as it
ships and with one; the cheaper of the two is the peer. Rounds are interleaved, so a busy machine is busy for all.
"""

import hashlib
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from receipts.ceremony_tools import VERSIONS, ToolMissing, Tools, find_tools
from receipts.keys import Keys, load_keys
from receipts.poseidon import FIELD
from receipts.prover import ProverMissing, load_prover
from receipts.settings import ReceiptSettings
from receipts.statement import PrivatePart, PublicInputs, Terms, job_key, state
from receipts.verifying import verify
from receipts.witness import WitnessGenerator, signals

RESULT = Path(__file__).parent / "results" / "proofs.json"
PEER = Path(__file__).parent / "snarkjs_prover.cjs"
CHAIN_ID = 31337
WARM_UP, ROUNDS = 3, 30
DEFAULT_CPU_MS_MAX = 70.0
DEFAULT_RATIO_MIN = 3.0

Sides = tuple[PrivatePart, PublicInputs]


class Cost(NamedTuple):
    cpu_ms: float
    wall_ms: float


Contender = Callable[[Sides], Cost]


class Snarkjs:
    """The peer: one node process that proves what is written to it."""

    def __init__(self, tools: Tools, keys: Path, threads: str) -> None:
        command = [tools.node, str(PEER), str(tools.packages.resolve()), str(keys), threads]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def __call__(self, sides: Sides) -> Cost:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        inputs = {name: [str(word) for word in words] for name, words in signals(*sides).items()}
        self._process.stdin.write(msgspec.json.encode(inputs) + b"\n")
        self._process.stdin.flush()
        answer = msgspec.json.decode(self._process.stdout.readline())
        if not answer["good"]:
            raise RuntimeError("snarkjs made a proof that does not verify: the figures would mean nothing")
        return Cost(answer["cpu_ms"], answer["wall_ms"])


def peer_tools(folder: Path) -> Tools:
    """snarkjs, installed first where it is missing."""
    try:
        return find_tools(folder)
    except ToolMissing:
        pins = [f"{name}@{version}" for name, version in VERSIONS.items()]
        subprocess.run(["scripts/npm-install", *pins], check=True)
        return find_tools(folder)


def statement(index: int) -> Sides:
    digests = [hashlib.sha256(f"{what} {index}".encode()).digest() for what in ("prompt", "response", "model", "salt")]
    private = PrivatePart(
        prompt_digest=digests[0],
        response_digest=digests[1],
        model_digest=digests[2],
        prompt_tokens=512 + index,
        completion_tokens=128 + index,
        started_at=1_760_000_000_000 + index,
        completed_at=1_760_000_004_321 + index,
        salt=int.from_bytes(digests[3], "big") % FIELD,
    )
    key = job_key(CHAIN_ID, b"\1" * 20, index, b"\2" * 20, f"Qm{index}")
    return private, state(private, Terms(1024, 3 * 10**12, 9 * 10**12), key)


def own_contenders(keys: Keys, cache: Path) -> dict[str, Contender]:
    """Ours, whole; and two parts of the default by themselves."""
    default = load_prover(keys, CHAIN_ID, "zksnake", cache)
    contenders: dict[str, Contender] = {"zksnake": timed(lambda sides: default.prove(*sides))}
    try:
        extra = load_prover(keys, CHAIN_ID, "groth16py", cache)
        contenders["groth16py"] = timed(lambda sides: extra.prove(*sides))
    except ProverMissing as missing:
        print(f"without the extra: {missing}")
    generate = WitnessGenerator(keys.witness_generator, cache)
    contenders["witness alone"] = timed(lambda sides: generate(*sides))
    private, public = statement(0)
    proof = default.prove(private, public)
    contenders["self-check alone"] = timed(lambda _: verify(keys.verifying_key, proof, public))
    return contenders


def timed(work: Callable[[Sides], object]) -> Contender:
    def run(sides: Sides) -> Cost:
        cpu, wall = time.process_time(), time.perf_counter()
        work(sides)
        return Cost((time.process_time() - cpu) * 1e3, (time.perf_counter() - wall) * 1e3)

    return run


def measure(contenders: dict[str, Contender]) -> dict[str, Cost]:
    """Medians over the rounds; each round asks every contender for a proof of the same statement."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for index in range(WARM_UP + ROUNDS):
        sides = statement(index)
        for name, contender in contenders.items():
            cost = contender(sides)
            if index >= WARM_UP:
                costs[name].append(cost)
    return {
        name: Cost(statistics.median(cost.cpu_ms for cost in all_), statistics.median(cost.wall_ms for cost in all_))
        for name, all_ in costs.items()
    }


def ratios(costs: dict[str, Cost]) -> dict[str, float]:
    """How many times cheaper than snarkjs, in CPU time and by the clock."""
    peers = [cost for name, cost in costs.items() if name.startswith("snarkjs")]
    cpu, wall = min(peer.cpu_ms for peer in peers), min(peer.wall_ms for peer in peers)
    compared: dict[str, float] = {}
    for name in ("zksnake", "groth16py"):
        if name in costs:
            compared[f"snarkjs / {name}, CPU"] = round(cpu / costs[name].cpu_ms, 2)
            compared[f"snarkjs / {name}, wall"] = round(wall / costs[name].wall_ms, 2)
    return compared


def report(costs: dict[str, Cost], compared: dict[str, float]) -> None:
    for name, cost in costs.items():
        print(f"{name:30}{cost.cpu_ms:>9.1f} ms CPU{cost.wall_ms:>9.1f} ms wall")
    for name, ratio in compared.items():
        print(f"{name:30}{ratio:>9}")
    figures = {
        f"{name}, {unit} ms": round(value, 1)
        for name, cost in costs.items()
        for unit, value in (("CPU", cost.cpu_ms), ("wall", cost.wall_ms))
    }
    machine = {"processor": platform.processor() or platform.machine(), "python": platform.python_version()}
    result = {"figures": figures, "ratios": compared, "machine": machine}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def main() -> int:
    settings = ReceiptSettings()
    folder, tools = Path(settings.keys_folder), peer_tools(Path(settings.tools_folder))
    with Snarkjs(tools, folder, "all") as threaded, Snarkjs(tools, folder, "single") as single:
        contenders = own_contenders(load_keys(folder), Path(settings.cache_folder))
        costs = measure(contenders | {"snarkjs, its threads": threaded, "snarkjs, one thread": single})
    compared = ratios(costs)
    report(costs, compared)
    is_cheap = costs["zksnake"].cpu_ms <= DEFAULT_CPU_MS_MAX
    return 0 if is_cheap and compared["snarkjs / zksnake, CPU"] >= DEFAULT_RATIO_MIN else 1


if __name__ == "__main__":
    sys.exit(main())
