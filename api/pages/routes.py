"""Every page of the explorer under one router: whatever goes wrong below it is answered with a page."""

from typing import Any

from litestar import Router

from api.pages import (
    addresses,
    ask,
    chain,
    charts,
    dictionary,
    home,
    jobs,
    models,
    nodes,
    search,
    sql,
    status,
    verifying,
)
from api.pages.faults import faults_of
from api.pages.site import Site

PAGES: list[Any] = [
    home.home, charts.charts,
    jobs.jobs, jobs.job, jobs.receipts, jobs.receipt,
    nodes.nodes, nodes.node, nodes.outcomes, nodes.leaderboard,
    models.models, models.model,
    chain.blocks, chain.block, chain.transactions, chain.transaction, chain.reorgs,
    addresses.address,
    search.search, sql.sql,
    ask.form, ask.ask,
    status.status, dictionary.dictionary,
    verifying.verify,
]  # fmt: skip


def create_router(site: Site) -> Router:
    return Router("/", route_handlers=PAGES, exception_handlers=faults_of(site), include_in_schema=False)
