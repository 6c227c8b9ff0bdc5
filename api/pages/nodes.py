"""Nodes as pages: a state or an address comes in; who works, with what machine and what record, goes out."""

from litestar import Response, get
from msgspec import Struct

from api.explorer.parameters import AddressPath, Cursor, NodeStateFilter
from api.explorer.reading import Reader
from api.given import Given
from api.pages.listing import as_it_is, listed, tabs
from api.pages.plots import NARROW, Plot, line_plot
from api.pages.site import Site
from indexer.explorer import JobFilter, NodeFilter, Queries, ReceiptFilter
from indexer.explorer.rows import AccountRow, JobRow, NodeRow, ReceiptRow, SampleRow

STATES = {"": "All", "active": "Active", "unbonding": "Unbonding", "withdrawn": "Withdrawn"}
SAMPLES, ROWS = 120, 10


class Record(Struct, frozen=True):
    """A node with its newest work and its machine."""

    node: NodeRow
    account: AccountRow | None
    jobs: tuple[JobRow, ...]
    receipts: tuple[ReceiptRow, ...]
    samples: tuple[SampleRow, ...]

    @property
    def newest(self) -> SampleRow | None:
        return self.samples[0] if self.samples else None

    @property
    def settled_share(self) -> float | None:
        return self.node.settled / self.node.claims if self.node.claims else None


@get("/nodes")
async def nodes(
    reader: Given[Reader], site: Given[Site], cursor: Cursor = None, in_state: NodeStateFilter = None
) -> Response[str]:
    where = NodeFilter(in_state)
    page = await reader.page(
        "pages/nodes", lambda queries, after, count: queries.nodes(where, after, count), as_it_is, where, None, cursor
    )
    asked = {"state": in_state}
    return site.page(
        "nodes.html",
        here="/nodes",
        listing=listed(page, "/nodes", cursor, asked),
        states=tabs("/nodes", "state", STATES, in_state, asked),
        is_live=cursor is None,
    )


@get("/nodes/{address:str}")
async def node(address: AddressPath, reader: Given[Reader], site: Given[Site]) -> Response[str]:
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
        )

    record = (await reader.one(read, as_it_is, f"node {address}")).data
    return site.page("node.html", here="/nodes", record=record, plots=machine(record.samples))


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
