"""Nodes as pages: a state or an address comes in; who works, with what machine and what record, goes out."""

from typing import Any

from litestar import Request, Response, get
from msgspec import Struct

from api.explorer.parameters import AddressPath
from api.explorer.reading import Reader
from api.explorer.reputation import Window, WorthFilter
from api.given import Given
from api.pages.checksum import checksummed
from api.pages.listing import as_it_is, listed, tabs
from api.pages.plots import NARROW, Plot, line_plot
from api.pages.site import Site
from api.service.reputation import WINDOW_USUAL, Reckoned, Summary, reputation_of, summaries
from indexer.explorer import JobFilter, Queries, ReceiptFilter
from indexer.explorer.lists import NODES_LIST
from indexer.explorer.rows import AccountRow, JobRow, NodeRow, ReceiptRow, SampleRow
from receipts.reputation import WORTHS

STATES = {"": "All", "active": "Active", "unbonding": "Unbonding", "withdrawn": "Withdrawn"}
WINDOWS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "all": "All time"}
SAMPLES, ROWS = 120, 10
NODES_MAX = 1_000


class Record(Struct, frozen=True):
    """A node with its newest work and its machine."""

    node: NodeRow
    account: AccountRow | None
    jobs: tuple[JobRow, ...]
    receipts: tuple[ReceiptRow, ...]
    samples: tuple[SampleRow, ...]
    reckoned: Reckoned | None

    @property
    def newest(self) -> SampleRow | None:
        return self.samples[0] if self.samples else None

    @property
    def settled_share(self) -> float | None:
        return self.node.settled / self.node.claims if self.node.claims else None


@get("/nodes")
async def nodes(request: Request[Any, Any, Any], reader: Given[Reader], site: Given[Site]) -> Response[str]:
    listing = await listed(reader, request, NODES_LIST)
    states = tabs("/nodes", "state", STATES, listing.asked.get("state"), listing.asked)
    return site.page("nodes.html", here="/nodes", listing=listing, states=states)


@get("/nodes/{address:str}")
async def node(
    address: AddressPath, reader: Given[Reader], site: Given[Site], window: Window = WINDOW_USUAL
) -> Response[str]:
    named = address.lower()

    def read(queries: Queries) -> Record | None:
        found = queries.node(named)
        if found is None:
            return None
        return Record(
            found,
            queries.account(named),
            queries.jobs(JobFilter(worker=named, state="claimed"), None, ROWS).rows,
            queries.receipts(ReceiptFilter(worker=named), None, ROWS).rows,
            queries.samples(named, None, SAMPLES).rows,
            reputation_of(queries, named, window),
        )

    record = (await reader.one(read, as_it_is, f"node {address}")).data
    path = f"/nodes/{checksummed(named)}"
    return site.page(
        "node.html",
        here="/nodes",
        record=record,
        plots=machine(record.samples),
        window=window,
        windows=tabs(path, "window", WINDOWS, window, {}),
    )


@get("/nodes/{address:str}/outcomes")
async def outcomes(
    address: AddressPath,
    reader: Given[Reader],
    site: Given[Site],
    window: Window = WINDOW_USUAL,
    worth: WorthFilter = None,
) -> Response[str]:
    """What a node's figures come from, one by one."""
    reckoned = (
        await reader.one(lambda queries: reputation_of(queries, address, window), as_it_is, f"node {address}")
    ).data
    path = f"/nodes/{checksummed(address.lower())}/outcomes"
    return site.page(
        "outcomes.html",
        here="/nodes",
        reckoned=reckoned,
        shown=[each for each in reckoned.outcomes if worth in (None, each.worth)],
        worths=tabs(
            path, "worth", {"": "All"} | {each: each.capitalize() for each in WORTHS}, worth, {"window": window}
        ),
        window=window,
    )


@get("/leaderboard")
async def leaderboard(reader: Given[Reader], site: Given[Site], window: Window = WINDOW_USUAL) -> Response[str]:
    """Nodes by what their outcomes in a window say of them."""

    def read(queries: Queries) -> list[tuple[NodeRow, Summary]]:
        known = {row.address: row for row in queries.nodes(None, None, NODES_MAX).rows}
        found = summaries(queries, window)
        ranked = sorted(found.items(), key=lambda each: (-each[1].score, -each[1].counts.proven, each[0]))
        return [(known[address], summary) for address, summary in ranked if address in known]

    ranks = (await reader.one(read, as_it_is, "leaderboard")).data
    return site.page(
        "leaderboard.html",
        here="/leaderboard",
        ranks=ranks,
        window=window,
        windows=tabs("/leaderboard", "window", WINDOWS, window, {}),
    )


def machine(samples: tuple[SampleRow, ...]) -> list[Plot]:
    """How the machine fared, oldest first; nothing for what it did not measure."""
    told = samples[::-1]
    if len(told) < 2:
        return []
    plots = [
        line_plot("CPU", "%", [(each.sampled_at / 1000, each.cpu_percent) for each in told], top=100, width=NARROW),
        line_plot("Memory", "%", [(each.sampled_at / 1000, _share(each)) for each in told], top=100, width=NARROW),
    ]
    for i, gpu in enumerate(told[-1].gpus):
        points = [(each.sampled_at / 1000, each.gpus[i].utilisation_percent) for each in told if i < len(each.gpus)]
        plots.append(line_plot(f"GPU {i}: {gpu.name}", "%", points, top=100, width=NARROW))
    return plots


def _share(sample: SampleRow) -> float:
    return 100 * sample.memory_used / sample.memory_total if sample.memory_total else 0.0
