"""Bugs that other indexers had go in, planted while worlds run; how many seeds it takes to find each comes out.

`make simulate-mutants` tells it for all; a simulator that finds none of them proves nothing by being green.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from msgspec import Struct
from msgspec.structs import replace

from chain.errors import Retryable
from chain.finality import Depth
from chain.following import Follower
from chain.gate import Gate
from chain.heads import latest
from indexer.explorer.aggregates import ACCOUNTS
from indexer.explorer.progress import write_progress
from indexer.explorer.tables import OVERLAID
from tests.simulation.plan import plan
from tests.simulation.world import Failed, Worlds

SEEDS_MAX = 400


class Mutant(Struct, frozen=True):
    """`like` names the bug it takes after."""

    name: str
    like: str
    plant: Callable[[], AbstractContextManager[Any]]


class Found(Struct, frozen=True):
    """`seeds` is how many worlds it took."""

    seeds: int
    seed: int
    fault: str


def hunt(worlds: Worlds, mutant: Mutant, seeds: range) -> Found | None:
    """Lives through worlds until one fails that does not fail without the bug."""
    for count, seed in enumerate(seeds, 1):
        try:
            with mutant.plant():
                worlds.live(plan(seed))
        except Failed as fault:
            if _passes(worlds, seed):
                return Found(count, seed, fault.reason)
    return None


def _passes(worlds: Worlds, seed: int) -> bool:
    try:
        worlds.live(plan(seed))
    except Failed:
        return False
    return True


class _EqualToAll(bytes):
    """A receipts root that whatever the header says is equal to."""

    __hash__ = bytes.__hash__

    def __eq__(self, _: object) -> bool:
        return True

    def __ne__(self, _: object) -> bool:
        return False


def believe_any_receipts() -> AbstractContextManager[Any]:
    return patch("chain.integrity.trie_root", lambda _: _EqualToAll(32))


def forget_a_table_in_a_reorg() -> AbstractContextManager[Any]:
    return patch("indexer.explorer.overlay.OVERLAID", tuple(each for each in OVERLAID if each is not ACCOUNTS))


def commit_the_position_later() -> AbstractContextManager[Any]:
    def late(cursor: Any, progress: Any, *more: Any) -> None:
        write_progress(cursor, replace(progress, position=max(0, progress.position - 1)), *more)

    return patch("indexer.explorer.explorer.write_progress", late)


def keep_the_permit_of_a_failed_request() -> AbstractContextManager[Any]:
    leave = Gate.__aexit__

    async def exit_(gate: Gate, kind: Any, error: Any, at: Any) -> None:
        if kind is None:
            await leave(gate, kind, error, at)

    return patch.object(Gate, "__aexit__", exit_)


def stop_asking_at_the_first_error() -> AbstractContextManager[Any]:
    async def once(*asked: Any) -> Any:
        try:
            return await latest(*asked)
        except Retryable:
            raise asyncio.CancelledError from None

    return patch("chain.heads.latest", once)


def call_a_block_final_too_early() -> AbstractContextManager[Any]:
    bound = Follower._bound

    def early(follower: Follower, *given: Any) -> int:
        return bound(follower, *given) + isinstance(follower._rule, Depth)

    return patch.object(Follower, "_bound", early)


MUTANTS = (
    Mutant("believe_any_receipts", "erigon#23062, reth#17678: answers that lack logs", believe_any_receipts),
    Mutant("forget_a_table_in_a_reorg", "hyperindex#740, graph-node#5586: reorgs double", forget_a_table_in_a_reorg),
    Mutant("commit_the_position_later", "ponder 0.15.3: counted twice after a crash", commit_the_position_later),
    Mutant("keep_the_permit_of_a_failed_request", "squid#376: hangs on a 429", keep_the_permit_of_a_failed_request),
    Mutant("stop_asking_at_the_first_error", "ponder 0.14.5: dies without a word", stop_asking_at_the_first_error),
    Mutant(
        "call_a_block_final_too_early", "hyperindex#659: final data that a reorg changes", call_a_block_final_too_early
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulate-mutants", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS_MAX, help="when to give up")
    seeds = parser.parse_args().seeds
    missed = 0
    with Worlds() as worlds:
        for mutant in MUTANTS:
            found = hunt(worlds, mutant, range(seeds))
            missed += found is None
            told = f"{found.seeds:3} seeds (SEED={found.seed}): {found.fault}" if found else f"not in {seeds} seeds"
            print(f"{mutant.name:36} {told[:160]}\n{'':36} like {mutant.like}", flush=True)
    print(f"{len(MUTANTS) - missed} of {len(MUTANTS)} planted bugs found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
