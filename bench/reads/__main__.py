"""`python -m bench.reads`: readers ask us and Ponder the same over one chain, and us over short and long histories.

Prints the table, writes results/reads.json, and exits 1 if something that must hold does not. QUICK=1 asks each once
and briefly; else the medians of three. Chain and histories are built once and kept; `--only peers`, `--only histories`
measures one half and writes nothing; JOBS=20k takes smaller ones, by which no limit is judged.
"""

import argparse
import contextlib
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]
from msgspec import Struct
from msgspec.structs import replace

from bench.indexing.chains import Chain, running
from bench.indexing.histories import COHORT, CONTROLLERS, job
from bench.reads import figures, load
from bench.reads.ceiling import ceiling
from bench.reads.contenders import Api, Served, history_api, mining, our_api, ponder_api
from bench.reads.figures import CALM, GRAPHQL, LARGE, READ, SMALL, SQL, Figure
from bench.reads.histories import addresses, building
from bench.reads.load import Load
from bench.reads.questions import Asking, of_ours, of_ponder, sql_of_ours, sql_of_ponder

RESULT = Path(__file__).resolve().parents[1] / "results" / "reads.json"
BLOCKS_PER_S = 2.0
READS_PER_S = 500
HISTORIC = ("one", "newest", "address")
FIGURES = {"stats": "/explorer/v1/stats", "leaderboard": "/explorer/v1/leaderboard"}
BACK_JOBS = 200
"""So many of the newest jobs are left out where any job is asked for: a peer may not have indexed them yet."""


class Plan(Struct, frozen=True):
    """How long each load lasts, how often, over which chain and which histories."""

    warm_s: float
    seconds: float
    rounds: int
    chain: str = "500k"
    jobs: tuple[int, int] = (100_000, 1_000_000)
    flat_out_blocks: int = 60


QUICK = Plan(1.5, 4.0, 1)
FULL = Plan(3.0, 10.0, 3, flat_out_blocks=400)


def ask(plan: Plan, api: Api, asking: Asking) -> Figure:
    put = Load(api.port, asking.target, list(asking.values), asking.body, pids=api.pids)
    return figures.figure(load.run(replace(put, warm_s=plan.warm_s, seconds=plan.seconds)))


def medians(rounds: Sequence[Figure]) -> Figure:
    """Of each column."""
    columns = {
        name: statistics.median(getattr(each, name) for each in rounds)
        for name in ("per_s", "p50_ms", "p99_ms", "cpu_us")
    }
    failed = {kind: count for each in rounds for kind, count in each.failed.items()}
    return Figure(**columns, failed=failed)


def in_turns(plan: Plan, asked: Mapping[str, tuple[Api, Asking]]) -> dict[str, Figure]:
    """Every row as often as planned; what disturbs the machine for a while disturbs all."""
    found: dict[str, list[Figure]] = {name: [] for name in asked}
    for _ in range(plan.rounds):
        for name, (api, asking) in asked.items():
            found[name].append(ask(plan, api, asking))
            told = found[name][-1]
            print(f"{name:24}{told.per_s:12,.0f} a second  {told.failed or ''}", file=sys.stderr, flush=True)
    return {name: medians(rounds) for name, rounds in found.items()}


def beside_ponder(plan: Plan) -> dict[str, Figure]:
    """Both follow the same chain, which goes on while either is asked."""
    with contextlib.ExitStack() as stack:
        chain, devnet = stack.enter_context(running(plan.chain))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-reads-")))
        theirs = stack.enter_context(ponder_api(chain, devnet, folder))
        ours = stack.enter_context(our_api(chain, devnet, folder))
        stack.enter_context(mining(chain, devnet, BLOCKS_PER_S))
        return in_turns(plan, dict(_pairs(chain, ours, theirs)))


def _pairs(chain: Chain, ours: Api, theirs: Api) -> Iterator[tuple[str, tuple[Api, Asking]]]:
    jobs = (chain.blocks - 1) * COHORT - BACK_JOBS
    addresses = ["0x" + job(number).controller.hex() for number in range(1, CONTROLLERS + 1)]
    our, their = of_ours(jobs, addresses), of_ponder(jobs, addresses)
    names = [*GRAPHQL]
    if is_there(ours, sql_of_ours(jobs)["sql-new"]):
        our, their, names = our | sql_of_ours(jobs), their | sql_of_ponder(jobs), [*GRAPHQL, *SQL]
    for name in names:
        yield f"ours {name}", (ours, our[name])
        yield f"ponder {name}", (theirs, their[name])


def over_histories(plan: Plan) -> dict[str, Figure]:
    """A short and a long history, then the figures of the long one, and indexing with and without readers."""
    short, long = plan.jobs
    with building(short) as small, building(long) as large:
        pass
    with history_api(small) as few, history_api(large) as many:
        for each in (few, many):
            each.steady(BLOCKS_PER_S)
        asked = {}
        for name in HISTORIC:
            asked[f"{SMALL} {name}"] = few.api, of_ours(short - BACK_JOBS, addresses())[name]
            asked[f"{LARGE} {name}"] = many.api, of_ours(long - BACK_JOBS, addresses())[name]
        for name, target in FIGURES.items():
            if is_there(many.api, Asking(target)):
                asked[f"{LARGE} {name}"] = many.api, Asking(target)
        found = in_turns(plan, asked)
        return found | indexing(plan, few, short)


def indexing(plan: Plan, served: Served, jobs: int) -> dict[str, Figure]:
    """Blocks a second, one by one as at the head of a chain, without readers and with, in turns."""
    calm, read = [], []
    asking = of_ours(jobs - BACK_JOBS, addresses())["one"]
    for _ in range(max(3, plan.rounds)):
        calm.append(Figure(served.flat_out(plan.flat_out_blocks)))
        with load.beside(Load(served.api.port, asking.target, list(asking.values), rate=READS_PER_S, seconds=600)):
            read.append(Figure(served.flat_out(plan.flat_out_blocks)))
    return {CALM: medians(calm), READ: medians(read)}


def is_there(api: Api, asking: Asking) -> bool:
    """Whether this API answers such a question at all."""
    connection = HTTPConnection("127.0.0.1", api.port, timeout=30)
    method, body = ("POST", asking.body.replace("{}", "1")) if asking.body else ("GET", None)
    connection.request(method, asking.target.replace("{}", "1"), body, {"content-type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status != 200:
        print(f"{asking.target} is not measured: {answer.status} {said[:300]!r}", file=sys.stderr)
    return answer.status == 200


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m bench.reads", description=__doc__)
    arguments.add_argument("--only", choices=["peers", "histories"])
    only = arguments.parse_args().only
    plan = QUICK if os.environ.get("QUICK", "") not in ("", "0") else FULL
    small = os.environ.get("JOBS", "")
    if small:
        plan = replace(
            plan, chain="100k", jobs=(int(small.removesuffix("k")) * 1000, 10 * int(small.removesuffix("k")) * 1000)
        )
    most = ceiling(plan.seconds)
    measured = {"load generator at most": figures.figure(most)}
    with building(plan.jobs[1]) if only != "peers" else contextlib.nullcontext():  # beside what one core does
        if only != "histories":
            measured |= beside_ponder(plan)
    if only != "peers":
        measured |= over_histories(plan)
    print("\n".join(figures.lines(measured)))
    if only is None and not small:
        write(measured)
    faults = figures.missed(measured) if not small else []
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def write(measured: dict[str, Figure]) -> None:
    machine = {"cores": psutil.cpu_count(), "python": platform.python_version()}
    result = {"figures": measured, "ratios": figures.judged(measured), "machine": machine}
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
