"""How far the indexer is comes in; that it is at the chain's head comes out, or what it is behind by and until when."""

from msgspec import Struct

from api.service.ports import IndexerFigures
from api.service.refusals import Unready

CATCH_UP_S = 1.0
"""A block that was mined this moment is waited for, so that a busy chain does not look like an ill index."""


class IndexBehind(Unready):
    """The index is behind the chain."""

    remedy = "Wait until it has caught up; `tallystick status` shows how far it is."


class ReadyOut(Struct, frozen=True):
    """The index shows the chain's newest block."""

    ready: bool
    head: int
    final: int
    chain_head: int
    lag_blocks: int


def behind(chain_head: int | None, indexed: int, figures: IndexerFigures) -> IndexBehind:
    if chain_head is None:
        return IndexBehind(f"no provider has told of the chain's head yet, the index is at block {indexed}")
    left = "no end is in sight" if figures.eta_s is None else f"about {figures.eta_s:.0f} s are left"
    return IndexBehind(
        f"the chain is at block {chain_head}, the index at {indexed}: {figures.blocks_per_s:.1f} blocks a second, "
        f"{left}; it is busy {figures.busiest}"
    )
