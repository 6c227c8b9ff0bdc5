"""Which rows a batch of blocks may change: blocks come in, the keys to load before the fold go out."""

from collections.abc import Iterable
from typing import get_args

from msgspec import Struct

from domain.facts import BlockFinalised, ChainFact

from ..rows import AccountRow, JobRow, ModelRow, NodeRow, ReceiptRow, Row
from .books import Key
from .moment import address

Keys = dict[type[Row], set[Key]]

ADDRESSES = ("node", "worker", "controller", "refund_to", "account")


class Touched(Struct):
    """The names in a batch's facts. The other rows depend on who takes part in the jobs, so those are loaded first."""

    jobs: set[int]
    models: set[str]
    addresses: set[bytes]

    def first(self) -> Keys:
        jobs: set[Key] = set(self.jobs)
        return {JobRow: jobs, ReceiptRow: jobs}

    def then(self, jobs: Iterable[JobRow]) -> Keys:
        """The accounts, nodes and models, with `jobs` as they stood before, as far as they existed."""
        parties: set[Key] = {address(raw) for raw in self.addresses}
        owners = {each for job in jobs for each in (job.controller, job.refund_to)}
        return {AccountRow: parties | owners, NodeRow: parties, ModelRow: set(self.models)}


def touched(blocks: Iterable[BlockFinalised]) -> Touched:
    found = Touched(set(), set(), set())
    for block in blocks:
        for occurrence in block.occurrences:
            fact = occurrence.fact
            has_job, has_model, names = _NAMED[type(fact)]
            if has_job:
                found.jobs.add(fact.job_id)  # type: ignore[union-attr]
            if has_model:
                found.models.add(fact.model_id)  # type: ignore[union-attr]
            for name in names:
                found.addresses.add(getattr(fact, name))
    return found


def _named(kind: type[Struct]) -> tuple[bool, bool, tuple[str, ...]]:
    names = kind.__struct_fields__
    return "job_id" in names, "model_id" in names, tuple(name for name in ADDRESSES if name in names)


_NAMED = {kind: _named(kind) for kind in get_args(ChainFact)}
