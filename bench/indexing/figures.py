"""Runs come in; medians, the ratios named after peer and size, and the lines of the table come out."""

import statistics
from collections.abc import Mapping, Sequence

from msgspec import Struct

from bench.indexing.chains import SPARSE
from bench.indexing.measuring import Run

OURS, STRICT = "ours", "ours-root"
"""We at level `bloom`, and at level `root`."""

MUST: Mapping[str, tuple[float, float]] = {
    "sqd-100k": (3, 4), "sqd-400k": (3, 4), "ponder-pglite-100k": (10, 12), "ponder-postgres-100k": (10, 12),
    "ponder-pglite-400k": (10, 12), "ponder-postgres-400k": (10, 12), "sqd-100k-root": (1, 2), "sqd-400k-root": (1, 2),
    "floor-100k": (0.5, 0.8), "floor-400k": (0.5, 0.8), "sqd-sparse": (1, 3),
}  # fmt: skip
"""What each ratio of wall time must be at least, and what we aim at."""


class Cell(Struct, frozen=True):
    """The median run of one contender on one chain."""

    contender: str
    size: str
    logs: int
    blocks: int
    wall_s: float
    cpu_s: float
    peak_mib: float

    @property
    def logs_per_s(self) -> float:
        return self.logs / self.wall_s


class Ratio(Struct, frozen=True):
    """How many times as fast as the peer we are, by the clock and by CPU time; both in one run of the benchmark."""

    wall: float
    cpu: float


def median(contender: str, size: str, logs: int, blocks: int, runs: Sequence[Run]) -> Cell:
    middle = sorted(runs, key=lambda run: run.wall_s)[len(runs) // 2]
    return Cell(contender, size, logs, blocks, middle.wall_s,
                statistics.median(run.cpu_s for run in runs), max(run.peak_mib for run in runs))  # fmt: skip


def ratios(cells: Sequence[Cell]) -> dict[str, Ratio]:
    """Named after peer and size, `-root` where we checked at that level."""
    by_name = {(cell.contender, cell.size): cell for cell in cells}
    found = {}
    for (contender, size), cell in by_name.items():
        if contender in (OURS, STRICT):
            continue
        for ours, suffix in ((OURS, ""), (STRICT, "-root")):
            if mine := by_name.get((ours, size)):
                found[f"{contender}-{size}{suffix}"] = Ratio(cell.wall_s / mine.wall_s, cell.cpu_s / mine.cpu_s)
    return found


def growth(cells: Sequence[Cell], contender: str = OURS) -> float | None:
    """What a log costs on the largest chain, in what it costs on the smallest dense one."""
    dense = sorted(
        (cell for cell in cells if cell.contender == contender and cell.size != SPARSE), key=lambda c: c.logs
    )
    if len(dense) < 2:
        return None
    return (dense[-1].cpu_s / dense[-1].logs) / (dense[0].cpu_s / dense[0].logs)


def lines(cells: Sequence[Cell], compared: Mapping[str, Ratio]) -> list[str]:
    """What a person reads at the end."""
    told = [
        f"{cell.contender + ' ' + cell.size:26}{cell.wall_s:8.2f} s{cell.cpu_s:8.2f} CPU s{cell.peak_mib:7.0f} MiB"
        f"{cell.logs_per_s:10,.0f} logs/s"
        for cell in cells
    ]
    for name, ratio in compared.items():
        must = MUST.get(name)
        verdict = f"   must {must[0]}, aim {must[1]}: {'met' if ratio.wall >= must[0] else 'MISSED'}" if must else ""
        told.append(f"{name:26}{ratio.wall:8.2f} x by the clock{ratio.cpu:8.2f} x by CPU time{verdict}")
    return told
