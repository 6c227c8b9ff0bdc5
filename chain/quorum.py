"""What each provider says of the same blocks goes in; what enough of them say comes out, with who said otherwise."""

from collections.abc import Sequence

from chain.blocks import At, Block, where_is
from chain.errors import Distrusted, Garbled, Retryable
from chain.levels import Level
from chain.news import Evidence
from chain.wire import hex_of
from receipts.keccak import keccak256


class Ballots:
    """The votes on some blocks. At most levels one is enough."""

    def __init__(self, level: Level, ats: Sequence[At]) -> None:
        self.asked: set[str] = set()
        self._level = level
        self._where = where_is(ats[0])[1] if len(ats) == 1 else f"{where_is(ats[0])[1]} to {where_is(ats[-1])[1]}"
        self._cast: list[tuple[list[Block], list[str]]] = []
        """What was said, each time with who said so."""
        self._doubts: list[str] = []

    def cast(self, name: str, blocks: list[Block]) -> None:
        self.asked.add(name)
        for said, names in self._cast:
            if said == blocks:
                names.append(name)
                return
        self._cast.append((blocks, [name]))

    def doubt(self, name: str, error: Retryable) -> None:
        """What a provider said contradicts itself, or can not be understood."""
        if isinstance(error, Distrusted | Garbled):
            self._doubts.append(f"{name}: {error}")

    def elected(self) -> list[Block] | None:
        """What enough of them say."""
        best = self._best()
        return best[0] if best is not None and len(best[1]) >= self._level.voters else None

    def evidence(self) -> Evidence:
        best = self._best()
        assert best is not None
        others = [_said(names, blocks, self._where) for blocks, names in self._cast if names is not best[1]]
        return Evidence(self._level.name, ", ".join(best[1]), self._level.checks, (*self._doubts, *others))

    def disagreement(self) -> Distrusted:
        told = "; ".join([_said(names, blocks, self._where) for blocks, names in self._cast])
        many = f"no {self._level.voters} of {len(self.asked)} providers"
        return Distrusted(f"{many} agree on blocks {self._where}: {told}")

    def _best(self) -> tuple[list[Block], list[str]] | None:
        return max(self._cast, key=lambda each: len(each[1]), default=None)


def _said(names: Sequence[str], blocks: Sequence[Block], where: str) -> str:
    logs = sum(len(block.occurrences) for block in blocks)
    content = hex_of(keccak256(repr(blocks).encode())[:4])
    last = hex_of(blocks[-1].hash)
    return f"{', '.join(names)}: blocks {where} end with {last} and hold {logs} logs of ours, together {content}"
