"""What was checked about the chain, on record: final heights come in, linked ranges of blocks go to the ledger."""

import time
from collections.abc import Callable

from msgspec.structs import replace

from domain.facts import BlockFinalised, BlocksChecked
from domain.faultpoints import reach
from domain.ledger import Ledger, Position, Recorded
from indexer.explorer.sources import checks

CHECKS = {
    "root": ("header hash", "parent link", "receipts root", "logs against their block"),
}
"""The checks that a block of each level has passed before the chain room tells it."""


class Checks:
    """Ranges close after so many blocks or so much time. None is lost: a restart closes what a crash left open."""

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
        self._as_now = BlocksChecked(0, 0, b"", b"", level, CHECKS[level], provider, 0)
        self._blocks_max, self._open_max_s = blocks_max, open_max_s
        self._clock = clock
        self._version, self._end = self._resume()
        self._first: BlockFinalised | None = None
        self._upto: Position | None = None
        self._opened_at = clock()

    def recover(self, final: Position | None) -> None:
        """Closes the range up to `final` that an earlier run had checked and not recorded."""
        if final and self._end and final.number > self._end.number:
            self._record(self._end.number + 1, self._end.hash, final)

    def saw(self, block: BlockFinalised) -> None:
        """A block passed its checks; the first one of all begins the first range."""
        if self._end is None and self._first is None:
            self._first = block

    def finalised(self, upto: Position) -> None:
        """The blocks up to here are final."""
        if self._end is None and self._first:
            self._record(self._first.number, self._first.parent, upto)
            return
        if self._end is None or upto.number <= self._end.number:
            return
        if self._upto is None:
            self._opened_at = self._clock()
        self._upto = upto
        is_full = upto.number - self._end.number >= self._blocks_max
        if is_full or self._clock() - self._opened_at >= self._open_max_s:
            self.close()

    def close(self) -> None:
        """Records the range that is open, if there is one."""
        if self._end and self._upto:
            self._record(self._end.number + 1, self._end.hash, self._upto)

    def _record(self, first: int, parent_hash: bytes, upto: Position) -> None:
        fact = replace(
            self._as_now,
            first=first,
            last=upto.number,
            parent_hash=parent_hash,
            last_hash=upto.hash,
            checked_at=int(self._clock() * 1000),
        )
        self._ledger.record(Recorded(self._stream, self._version + 1, fact))
        reach("indexer.checks_recorded")
        self._version, self._end, self._upto = self._version + 1, upto, None

    def _resume(self) -> tuple[int, Position | None]:
        newest = self._ledger.newest(self._stream)
        if newest is None:
            return 0, None
        fact = newest.fact
        assert isinstance(fact, BlocksChecked)
        return newest.originator_version, Position(fact.last, fact.last_hash)
