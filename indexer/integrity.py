"""What was checked about the chain, on record: checked blocks come in, linked ranges of final ones go to the ledger."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct

from chain import levels
from chain.news import Evidence, joined
from domain.facts import BlockFinalised, BlocksChecked
from domain.faultpoints import reach
from domain.ledger import Ledger, Position, Recorded
from indexer.explorer.sources import checks


class _Seen(Struct, frozen=True):
    """Checked blocks up to one that is not final yet, or whose range is still open."""

    upto: Position
    evidence: Evidence


class Checks:
    """Ranges close after so many blocks or so much time, and where the level changes.

    None is lost: a restart closes what a crash left open.
    """

    def __init__(
        self,
        ledger: Ledger,
        chain_id: int,
        provider: str,
        *,
        level: str = "root",
        blocks_max: int = 1_000,
        open_max_s: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._stream = checks(chain_id)
        self._usual = Evidence(level, provider, levels.parse(level).checks)
        self._blocks_max, self._open_max_s = blocks_max, open_max_s
        self._clock = clock
        self._version, self._end = self._resume()
        self._first: BlockFinalised | None = None
        self._seen: deque[_Seen] = deque()
        self._evidence: Evidence | None = None
        self._upto: Position | None = None
        self._opened_at = clock()

    @property
    def has_begun(self) -> bool:
        """Whether the first of all ranges is on record, so that a restart knows where it began."""
        return self._end is not None

    def recover(self, final: Position | None, tip: Sequence[BlockFinalised] = ()) -> None:
        """Closes the range up to `final` that an earlier run had checked and not recorded, and takes over its tip."""
        if final and self._end and final.number > self._end.number:
            self._record(self._end.number + 1, self._end.hash, final, self._usual)
        if tip:
            self.saw(tip)

    def saw(self, blocks: Sequence[BlockFinalised], evidence: Evidence | None = None, is_final: bool = False) -> None:
        """Blocks passed their checks; the first one of all begins the first range."""
        if self._end is None and self._first is None:
            self._first = blocks[0]
        for block in blocks[-1:] if is_final else blocks:
            self._seen.append(_Seen(Position(block.number, block.hash), evidence or self._usual))

    def dropped(self, number: int) -> None:
        """The blocks from `number` on are no longer on the chain."""
        while self._seen and self._seen[-1].upto.number >= number:
            self._seen.pop()

    def finalised(self, upto: Position) -> None:
        """The blocks up to here are final."""
        while self._seen and self._seen[0].upto.number <= upto.number:
            seen = self._seen.popleft()
            self._take(seen.upto, seen.evidence)
        self._take(upto, self._evidence or self._usual)
        if self._end is None or self._is_due():
            self.close()

    def close(self) -> None:
        """Records the range that is open, if there is one."""
        if self._upto is None or self._evidence is None:
            return
        if self._end is not None:
            self._record(self._end.number + 1, self._end.hash, self._upto, self._evidence)
        elif self._first is not None:
            self._record(self._first.number, self._first.parent, self._upto, self._evidence)

    def _take(self, upto: Position, evidence: Evidence) -> None:
        """Extends the open range, once it is closed if it was checked in another way."""
        known = self._upto or self._end
        if known is not None and upto.number <= known.number:
            return
        if self._evidence is not None and _way(self._evidence) != _way(evidence):
            self.close()
        if self._upto is None:
            self._opened_at = self._clock()
        self._evidence = evidence if self._evidence is None else joined(self._evidence, evidence)
        self._upto = upto

    def _is_due(self) -> bool:
        if self._upto is None or self._end is None:
            return False
        is_full = self._upto.number - self._end.number >= self._blocks_max
        return is_full or self._clock() - self._opened_at >= self._open_max_s

    def _record(self, first: int, parent_hash: bytes, upto: Position, evidence: Evidence) -> None:
        fact = BlocksChecked(
            first=first,
            last=upto.number,
            parent_hash=parent_hash,
            last_hash=upto.hash,
            level=evidence.level,
            checks=evidence.checks,
            provider=evidence.provider,
            checked_at=int(self._clock() * 1000),
            doubts=evidence.doubts,
        )
        self._ledger.record(Recorded(self._stream, self._version + 1, fact))
        reach("indexer.checks_recorded")
        self._version, self._end, self._upto, self._evidence = self._version + 1, upto, None, None

    def _resume(self) -> tuple[int, Position | None]:
        newest = self._ledger.newest(self._stream)
        if newest is None:
            return 0, None
        fact = newest.fact
        assert isinstance(fact, BlocksChecked)
        return newest.originator_version, Position(fact.last, fact.last_hash)


def _way(evidence: Evidence) -> tuple[str, tuple[str, ...]]:
    return evidence.level, evidence.checks
