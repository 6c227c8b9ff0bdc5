"""`make simulate`: one seed with its whole trace (SEED=n), or many (SEEDS=n from FIRST=n), and how many passed."""

import argparse
import os
import sys

from rich.progress import track

from tests.simulation.plan import plan
from tests.simulation.running import live_all
from tests.simulation.world import Failed, Worlds


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="live one world, and print its trace")
    parser.add_argument("--seeds", type=int, default=2_000, help="how many worlds to live")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    return one(asked.seed) if asked.seed is not None else many(asked.first, asked.seeds, asked.processes)


def one(seed: int) -> int:
    print(plan(seed))
    with Worlds() as worlds:
        try:
            outcome = worlds.live(plan(seed))
        except Failed as fault:
            print(fault.whole)
            return 1
    print("\n".join(outcome.lines))
    print(f"seed {seed} passed: trace {outcome.trace}, {outcome.steps} steps, {outcome.requests} requests")
    return 0


def many(first: int, count: int, processes: int) -> int:
    passed = 0
    fates = live_all(range(first, first + count), processes)
    for fate in track(fates, "worlds", count, disable=not sys.stderr.isatty()):
        if fate.fault is None:
            passed += 1
        else:
            print(f"seed {fate.seed} failed:\n{fate.fault}\n")
    print(f"{passed} of {count} seeds passed")
    return 0 if passed == count else 1


if __name__ == "__main__":
    sys.exit(main())
