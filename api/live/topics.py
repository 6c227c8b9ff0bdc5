"""What a reader may follow: names of topics come in, checked; of a row of the index, the topics it concerns go out."""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from api.service.refusals import Invalid
from indexer.explorer.rows import AccountRow, BlockRow, JobRow, NodeRow, ReceiptRow, Row

LISTS = ("blocks", "jobs", "receipts", "stats")
ONE = re.compile(r"job:(0|[1-9][0-9]{0,15})|address:0x[0-9a-f]{40}")
TOPICS_MAX = 50

Topics = frozenset[str]


class BadTopic(Invalid):
    """There is no such topic."""

    remedy = "Follow blocks, jobs, receipts, stats, job:NUMBER or address:0x and 40 hex digits; several with commas."


def topics_named(names: Iterable[str]) -> Topics:
    """Raises BadTopic."""
    topics = frozenset(name.strip().lower() for name in names)
    for topic in sorted(topics):
        if topic not in LISTS and not ONE.fullmatch(topic):
            raise BadTopic(f"there is no topic {topic[:64]!r}", _suggestion(topic))
    if len(topics) > TOPICS_MAX:
        raise BadTopic(f"{len(topics)} topics are more than {TOPICS_MAX}", "Follow a list and filter what comes.")
    return topics


def topics_of(row: Row | None) -> Topics:
    """The topics whose readers have the row, or want it."""
    told = _TOPICS.get(type(row))
    return frozenset(told(row)) if told else frozenset()


def _suggestion(topic: str) -> str:
    close = get_close_matches(topic, LISTS, n=1)
    return f"Did you mean {close[0]!r}? {BadTopic.remedy}" if close else ""


def _of_job(job: JobRow) -> list[str]:
    return ["jobs", f"job:{job.job_id}", *_named(job, "controller", "refund_to", "worker", "reserved_for")]


def _of_receipt(receipt: ReceiptRow) -> list[str]:
    return ["receipts", f"job:{receipt.job_id}", *_named(receipt, "controller", "worker")]


def _named(row: Row, *fields: str) -> list[str]:
    return [f"address:{address}" for field in fields if (address := getattr(row, field))]


_TOPICS: dict[type, Callable[[Any], list[str]]] = {
    BlockRow: lambda _: ["blocks"],
    JobRow: _of_job,
    ReceiptRow: _of_receipt,
    NodeRow: lambda node: _named(node, "address"),
    AccountRow: lambda account: _named(account, "address"),
}
