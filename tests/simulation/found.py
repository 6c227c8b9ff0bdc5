"""Worlds that once failed, with what they found: each is lived through again in every run of the tests.

They are kept as plans, not as seeds alone: what a seed makes of itself changes whenever a trouble is added.
"""

from msgspec.structs import replace as change

from tests.simulation.plan import Plan

_SHORT = Plan(seed=0, blocks=14, blocks_before=10, busy=1.0, block_s=12, work_s=0.5, show_s=1.0, looks=4)

FOUND: dict[str, Plan] = {
    "deleted rows hid others from the first page of a list, and the books began at 0 (duckdb#22949)": change(
        _SHORT, seed=74, first_block=2, finality="finalized", reorgs=0.3, crashes=3, show_s=0.01
    ),
    "a file with a damaged block was taken for one in use, and waited for without end": change(
        _SHORT, seed=294, disk="files", damages=True, crashes=3, crash_early=True
    ),
    "the first range of checked blocks was lost by a crash before it was on record": change(
        _SHORT, seed=2, crashes=3, crash_early=True, blocks_before=18
    ),
    "a tag's block beyond ours was believed by its number, and a branch that had gone was made final": change(
        _SHORT, seed=5, finality="finalized", reorgs=0.5, moves=0.3, lagging_s=3.0, blocks=25, keeps=0.0
    ),
    "a node of two that said when to come back was asked again and again without a pause": change(
        _SHORT, seed=58, providers=3, troubles={"busy": 0.4, "limited": 0.3}, outages=2, lagging_s=3.0
    ),
    "a node that was still to be vetted and had said when to come back was asked without a pause until then": change(
        _SHORT,
        seed=255,
        blocks=7,
        blocks_before=0,
        first_block=3,
        keeps=0.0,
        finality="safe",
        providers=3,
        lagging_s=3.0,
        socket=True,
        troubles={"bad_certificate": 0.05, "busy": 0.05, "no_name": 0.2, "broken": 0.2},
        outages=2,
        work_s=0.01,
        show_s=90.0,
        looks=1,
        batch_blocks=3,
    ),
    "what had become final stayed unfinal after a restart on a chain that stood still": change(
        _SHORT,
        seed=383,
        blocks=4,
        blocks_before=0,
        reorgs=0.5,
        keeps=1.0,
        finality="finalized",
        lagging_s=20.0,
        outages=1,
        crashes=3,
        work_s=0.0,
        show_s=20.0,
        looks=2,
        batch_blocks=1,
        batch_events=1,
    ),
}
"""What was wrong, and a world in which it was seen."""
