"""A seed goes in, everything that will be different in its world comes out.

Each seed takes only some of the troubles there are, and those in earnest: a world in which everything goes wrong a
little finds less than many in which few things go very wrong.
"""

import random
from typing import Literal, get_args

from msgspec import Struct

from tests.simulation.lies import OF_BLOCKS, OF_RECEIPTS, SEEN_BY_BLOOM
from tests.simulation.network import TROUBLES

Ending = Literal["level", "restarted", "tables lost", "deep reorg", "wrong chain"]
Disk = Literal["kept", "files"]

FINALITIES = ("depth:1", "depth:2", "depth:4", "depth:7", "finalized", "safe")


class Plan(Struct, frozen=True, kw_only=True):
    """What happens in one world. Shares are of 1; `reorgs` is the share of new blocks that come by a reorg."""

    seed: int
    blocks: int
    blocks_before: int = 0
    first_block: int = 1
    block_s: int = 12
    busy: float = 0.7
    reorgs: float = 0.0
    keeps: float = 0.8
    finality: str = "depth:4"
    level: str = "root"
    providers: int = 1
    lagging_s: float = 0.5
    stuck: float = 0.0
    moves: float = 0.0
    forgets: bool = False
    socket: bool = False
    lies: float = 0.0
    lie_kinds: tuple[str, ...] = ()
    honest: bool = False
    troubles: dict[str, float] = {}
    outages: int = 0
    crashes: int = 0
    crash_early: bool = False
    work_s: float = 0.01
    """How long a thread's work takes at most, and below, how long it takes to show what is new."""
    show_s: float = 0.01
    looks: int = 4
    disk: Disk = "kept"
    damages: bool = False
    ending: Ending = "level"
    batch_blocks: int = 5
    batch_events: int = 20_000

    @property
    def depth(self) -> int:
        """How many blocks stand on a final one at least."""
        kind, _, blocks = self.finality.partition(":")
        return int(blocks) if kind == "depth" else 3


def plan(seed: int) -> Plan:
    """The world of a seed."""
    chance = random.Random(f"plan {seed}")
    lies = chance.choice((0.0, 0.0, 0.1, 0.4))
    providers = chance.choice((1, 1, 2, 3))
    level = chance.choice(("root", "root", "root", "bloom", f"quorum:{providers - 1}" if providers > 2 else "root"))
    known = (*SEEN_BY_BLOOM, *OF_BLOCKS) if level == "bloom" else (*OF_RECEIPTS, *OF_BLOCKS)
    kinds = [lie.__name__ for lie in known]
    disk: Disk = "files" if chance.random() < 1 / 16 else "kept"
    finality = chance.choice(FINALITIES)
    return Plan(
        seed=seed,
        blocks=chance.randint(3, 12),
        blocks_before=chance.choice((0, 0, 0, 10, 18)),
        first_block=chance.choice((0, 1, 1, 2, 3)),
        block_s=chance.choice((1, 4, 12, 12)),
        busy=chance.choice((0.2, 0.6, 1.0)),
        reorgs=chance.choice((0.0, 0.1, 0.3, 0.5)),
        keeps=chance.choice((0.0, 0.7, 1.0)),
        finality=finality,
        level=level,
        providers=providers,
        lagging_s=chance.choice((0.0, 0.5, 3.0, 20.0)),
        stuck=chance.choice((0.0, 0.0, 0.1)),
        moves=chance.choice((0.0, 0.3)),
        forgets=chance.random() < 0.3,
        socket=chance.random() < 0.4,
        lies=lies,
        lie_kinds=tuple(sorted(chance.sample(kinds, chance.randint(1, 4)))) if lies else (),
        honest=chance.random() < 0.5 and providers > 1,
        troubles={name: chance.choice((0.05, 0.2)) for name in chance.sample(TROUBLES, chance.choice((0, 0, 1, 2, 4)))},
        outages=chance.choice((0, 0, 1, 2)),
        crashes=chance.choice((0, 0, 0, 1, 1, 2, 3)),
        crash_early=chance.random() < 0.2,
        work_s=chance.choice((0.0, 0.01, 0.5, 5.0)),
        show_s=chance.choice((0.01, 20.0, 60.0, 60.0, 90.0, 90.0)),
        looks=chance.choice((0, 1, 1, 2)),
        disk=disk,
        damages=disk == "files" and chance.random() < 0.5,
        ending=chance.choices(get_args(Ending), (14, 2, 2, 1, 1))[0],
        batch_blocks=chance.choice((1, 3, 10)),
        batch_events=chance.choice((1, 20, 20_000)),
    )
