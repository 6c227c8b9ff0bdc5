"""What the worker does on chain goes in, each under a key that is used once; what became of it comes out."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from domain.ledger import Position

from .board import Job


class Entry(Struct, frozen=True):
    """One receipt as the contract takes it; `proof` is its eight words, 256 bytes."""

    job_id: int
    response_cid: str
    amount: int
    commitment: int
    proof: bytes


class Mined(Struct, frozen=True):
    """A transaction in its block; one that failed changed nothing."""

    hash: bytes
    block: int
    succeeded: bool


class Unfinished(Struct, frozen=True):
    """Jobs under way at a block; `timestamp` is the block's, Unix seconds."""

    position: Position
    timestamp: int
    jobs: tuple[Job, ...]


class Coordinator(Protocol):
    """The coordinator contract as one worker uses it. All of it may raise chain errors."""

    async def claim(self, key: str, job_ids: Sequence[int]) -> Mined:
        """Claims what can be claimed of the jobs, and skips the others."""

    async def answer(self, key: str, job_id: int, response_cid: str) -> Mined:
        """Answers a job before its proof is there."""

    async def settle(self, key: str, entries: Sequence[Entry]) -> Mined:
        """Settles what the worker still holds of the jobs, and skips the others."""

    async def jobs(self, job_ids: Sequence[int]) -> list[Job | None]:
        """The jobs as they are now; None for one that does not exist."""

    async def unfinished(self) -> Unfinished | None:
        """The newest final block, and every job that was under way at it; None on a chain too young to have one."""

    async def may_claim(self) -> bool:
        """Whether the worker is registered with enough stake, and not leaving."""

    async def gas_price(self) -> int:
        """Wei per gas that a transaction costs now."""
