"""The coordinator contract itself: calls go out through the relayer alone, views come in from the node."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from chain import finality
from chain.blocks import At, fetch_header
from chain.contracts import Contracts
from chain.errors import Missing, Reverted
from chain.heads import latest
from chain.node import Node
from chain.pricing import gas_price
from chain.relaying import Relayer
from chain.wire import Header, octets, quantity
from domain.jobs import state_of
from domain.ledger import Position

from .board import Job
from .coordinator import Entry, Mined, Unfinished

JOBS_PER_CALL = 200
PROOF_WORDS = 8
WORD_BYTES = 32


class OnChain:
    """The coordinator as one worker reaches it; see `coordinator.Coordinator`."""

    def __init__(
        self, node: Node, contracts: Contracts, relayer: Relayer, worker: bytes, mined_timeout_s: float
    ) -> None:
        self._node = node
        self._contracts = contracts
        self._relayer = relayer
        self._worker = worker
        self._mined_timeout_s = mined_timeout_s

    async def claim(self, key: str, job_ids: Sequence[int]) -> Mined:
        return await self._transact(key, self._contracts.coordinator.data("claimJobs", list(job_ids)))

    async def answer(self, key: str, job_id: int, response_cid: str) -> Mined:
        return await self._transact(key, self._contracts.coordinator.data("submitResponse", job_id, response_cid))

    async def settle(self, key: str, entries: Sequence[Entry]) -> Mined:
        settlements = [_settlement(entry) for entry in entries]
        if len(settlements) == 1:  # the single call is cheaper, and fails loudly instead of skipping
            return await self._transact(key, self._contracts.coordinator.data("submitReceipt", *settlements[0]))
        return await self._transact(key, self._contracts.coordinator.data("submitReceipts", settlements))

    async def jobs(self, job_ids: Sequence[int]) -> list[Job | None]:
        return await self._jobs_at(job_ids, "latest")

    async def unfinished(self) -> Unfinished | None:
        """Read backwards from the newest, until one is so overdue that everything before it is overdue too."""
        start = await self._final_block()
        if start is None:
            return None
        number, timestamp = quantity(start.number), quantity(start.timestamp)
        lifetime = self._contracts.coordinator.view("order_lifetime_s")
        (lifetime_s,) = await self._contracts.read(lifetime, at=number)
        newest = await self._contracts.job_count(at=number)
        unfinished: list[Job] = []
        for last in range(newest, 0, -JOBS_PER_CALL):
            jobs = await self._jobs_at(range(last, max(0, last - JOBS_PER_CALL), -1), number)
            known = [job for job in jobs if job is not None]
            unfinished += [job for job in known if not job.is_closed]
            if any(job.deadline + lifetime_s < timestamp for job in known):
                break
        return Unfinished(Position(number, octets(start.hash, 32)), timestamp, tuple(unfinished))

    async def may_claim(self) -> bool:
        return await self._contracts.may_claim(self._worker)

    async def gas_price(self) -> int:
        return await gas_price(self._node)

    async def _transact(self, key: str, data: bytes) -> Mined:
        await self._relayer.submit(key, self._contracts.coordinator.address, data)
        receipt = await self._relayer.mined(key, self._mined_timeout_s)
        return Mined(receipt.hash, receipt.block_number, receipt.succeeded)

    async def _jobs_at(self, job_ids: Sequence[int], at: int | str) -> list[Job | None]:
        views = [self._contracts.coordinator.view("jobOf", job_id) for job_id in job_ids]
        answers = await self._contracts.read_each(*views, at=at)
        return [self._job(job_id, answer) for job_id, answer in zip(job_ids, answers, strict=True)]

    def _job(self, job_id: int, answer: object) -> Job | None:
        if isinstance(answer, Reverted):  # there is no such job (any more)
            return None
        if isinstance(answer, Exception):
            raise answer
        told = cast(dict[str, Any], answer)
        return msgspec.convert({**told, "job_id": job_id, "state": state_of(told["status"])}, Job)

    async def _final_block(self) -> Header | None:
        """The newest block that cannot be reorganised away; None on a chain too young to have one."""
        rule = finality.parse(self._node.settings.finality)
        at: At = rule.name if isinstance(rule, finality.Tag) else (await latest(self._node)).number - rule.blocks
        if isinstance(at, int) and at < 0:
            return None
        try:
            return await fetch_header(self._node, at)
        except Missing:
            return None


def _settlement(entry: Entry) -> tuple[int, str, int, int, list[int]]:
    proof = [int.from_bytes(entry.proof[at : at + WORD_BYTES], "big") for at in range(0, len(entry.proof), WORD_BYTES)]
    assert len(proof) == PROOF_WORDS, "a proof has eight words"
    return entry.job_id, entry.response_cid, entry.amount, entry.commitment, proof
