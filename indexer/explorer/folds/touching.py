"""Which rows a batch of blocks may change: blocks come in, the keys to load before the fold go out."""

from collections.abc import Iterable

from domain.facts import BlockFinalised, ChainFact

from ..rows import AccountRow, JobRow, ModelRow, NodeRow, ReceiptRow, Row
from .accounts import MoneyFact
from .books import Key
from .jobs import JobFact
from .moment import hexed

Keys = dict[type[Row], set[Key]]

ADDRESSES = ("node", "worker", "controller", "refund_to", "account")


def touched_jobs(blocks: Iterable[BlockFinalised]) -> Keys:
    """What to load first: the other rows depend on who takes part in these jobs."""
    jobs: set[Key] = {fact.job_id for fact in _facts(blocks) if isinstance(fact, JobFact)}
    return {JobRow: jobs, ReceiptRow: jobs}


def touched_parties(blocks: Iterable[BlockFinalised], jobs: Iterable[JobRow]) -> Keys:
    """The accounts, nodes and models of a batch whose jobs, as far as they existed, are `jobs`."""
    keys: dict[type[Row], set[Key]] = {AccountRow: set(), NodeRow: set(), ModelRow: set()}
    for fact in _facts(blocks):
        addresses = {hexed(raw) for name in ADDRESSES if (raw := getattr(fact, name, None))}
        if isinstance(fact, MoneyFact | JobFact):
            keys[AccountRow] |= addresses
        keys[NodeRow] |= addresses
        if model_id := getattr(fact, "model_id", None):
            keys[ModelRow].add(model_id)
    for job in jobs:
        keys[AccountRow] |= {job.controller, job.refund_to}
    return keys


def _facts(blocks: Iterable[BlockFinalised]) -> Iterable[ChainFact]:
    return (occurrence.fact for block in blocks for occurrence in block.occurrences)
