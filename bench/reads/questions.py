"""What readers ask: jobs and addresses come in, loads for our explorer and for Ponder's API go out.

Jobs are asked for as in YCSB: by Zipf's law with its exponent, the popular ones strewn over the whole history. `even`
asks for each job as often as for any other, which no cache of bounded size can help.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
from msgspec import Struct

ZIPF = 0.99
ASKED = 200_000
NEWEST = 20
SEED = 1

FIELDS = (
    "id state controller refundTo modelId modelCid promptCid worker responseCid escrow maxTokens pricePromptToken "
    "priceCompletionToken deadline verifierVersion amount refund leaseUntil receiptDeadline claims requestedAt "
    "claimedAt completedAt closedAt requestedTx claimedTx completedTx closedTx block"
)
"""As many as ours tells."""


class Asking(Struct, frozen=True):
    """A request by its template, and what stands for `{}` in it, in turn."""

    target: str
    values: Sequence[str] = ("",)
    body: str = ""


def popular(jobs: int) -> list[str]:
    """Numbers of jobs, the k-th most popular asked for 1/k^0.99 as often as the first."""
    source = np.random.default_rng(SEED)
    shares = np.cumsum(1 / np.arange(1, jobs + 1) ** ZIPF)
    ranks = np.searchsorted(shares, source.random(ASKED) * shares[-1])
    return [str(each + 1) for each in source.permutation(jobs)[ranks]]


def even(jobs: int) -> list[str]:
    return [str(each) for each in np.random.default_rng(SEED).integers(1, jobs + 1, ASKED)]


def shuffled(addresses: Sequence[str]) -> list[str]:
    return random.Random(SEED).sample(list(addresses), len(addresses))


def of_ours(jobs: int, addresses: Sequence[str]) -> dict[str, Asking]:
    return {
        "one": Asking("/explorer/v1/jobs/{}", popular(jobs)),
        "one-even": Asking("/explorer/v1/jobs/{}", even(jobs)),
        "newest": Asking(f"/explorer/v1/jobs?limit={NEWEST}"),
        "address": Asking(f"/explorer/v1/jobs?controller={{}}&limit={NEWEST}", shuffled(addresses)),
    }


def of_ponder(jobs: int, addresses: Sequence[str]) -> dict[str, Asking]:
    newest = f'orderBy: "id", orderDirection: "desc", limit: {NEWEST}'
    items = f"{{ items {{ {FIELDS} }} }}"
    one = _graphql(f"query($id: BigInt!) {{ job(id: $id) {{ {FIELDS} }} }}", "id")
    held = _graphql(f"query($a: String!) {{ jobs(where: {{controller: $a}}, {newest}) {items} }}", "a")
    return {
        "one": Asking("/graphql", popular(jobs), one),
        "one-even": Asking("/graphql", even(jobs), one),
        "newest": Asking("/graphql", body=_graphql(f"{{ jobs({newest}) {items} }}")),
        "address": Asking("/graphql", shuffled(addresses), held),
    }


SQL_ONE = "SELECT state, controller, amount FROM {table} WHERE {key} = {{}}"


def sql_of_ours(jobs: int) -> dict[str, Asking]:
    return _sql(jobs, SQL_ONE.format(table="jobs", key="job_id"), lambda text: Asking(
        "/explorer/v1/sql", body=msgspec.json.encode({"query": text}).decode()))  # fmt: skip


def sql_of_ponder(jobs: int) -> dict[str, Asking]:
    def asking(text: str) -> Asking:
        asked = quote(msgspec.json.encode({"json": {"sql": text, "params": []}}).decode()).replace("%7B%7D", "{}")
        return Asking(f"/sql/db?sql={asked}")

    return _sql(jobs, SQL_ONE.format(table="job", key="id"), asking)


def _sql(jobs: int, text: str, asking: Callable[[str], Asking]) -> dict[str, Asking]:
    """A text that nobody asked before each time, and one text again and again."""
    new = asking(text)
    return {
        "sql-new": Asking(new.target, [str(each % jobs + 1) for each in range(ASKED)], new.body),
        "sql-repeated": Asking(new.target, ["1"], new.body),
    }


def _graphql(query: str, variable: str = "") -> str:
    asked: dict[str, Any] = {"query": query}
    if variable:
        asked["variables"] = {variable: "{}"}
    return msgspec.json.encode(asked).decode()
