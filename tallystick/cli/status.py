"""`tallystick status`: how the network stands and how far it is indexed, once or over and over, on a terminal."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import click
import httpx
import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table

from tallystick.amounts import show_wei
from tallystick.cli.options import api_option, json_option
from tallystick.cli.session import Session, pass_session, run_async
from tallystick.http import answer, connected

WATCH_S = 1.0
BOTTLENECKS = {
    "waiting": "waiting for the chain, or for a provider that asked for a pause",
    "fetching": "fetching: the providers are the slowest part",
    "checking": "checking: the processor is, with proofs of completeness",
    "decoding": "decoding: the processor is, with the logs' arguments",
    "storing": "storing: the disk or the database is",
}


@click.command()
@click.option("--watch", is_flag=True, help="Show it anew every second, until Ctrl-C.")
@api_option
@json_option
@pass_session
def status(session: Session, watch: bool, api_url: str, as_json: bool) -> None:
    """Block, lag, jobs, nodes and earnings of the network; how fast it is indexed, and what holds that back.

    \b
    Example:  tallystick status --watch
    """

    async def run() -> None:
        async with connected(api_url) as api:
            if as_json:
                click.echo(msgspec.json.encode(await _read_status(api)))
            elif not watch:
                session.console.print(_status_table(await _read_status(api)))
            else:
                await _watch(session.console, api)

    run_async(run())


async def _watch(console: Console, api: httpx.AsyncClient) -> None:
    """In one place on a terminal; into a pipe or a file, one table after the other."""
    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        while True:
            table = _status_table(await _read_status(api))
            if live is None:
                console.print(table)
            else:
                live.update(table, refresh=True)
            await asyncio.sleep(WATCH_S)


async def _read_status(api: httpx.AsyncClient) -> dict[str, Any]:
    paths = ("stats", "nodes", "indexer")
    stats, nodes, indexer = await asyncio.gather(*(api.get(f"/explorer/v1/{path}") for path in paths))
    told = answer(stats).json()
    return {
        "stats": told["data"],
        "head": told["head"],
        "nodes": answer(nodes).json()["data"],
        "indexer": answer(indexer).json(),
    }


def _status_table(status: dict[str, Any]) -> Table:
    stats, head = status["stats"], status["head"]
    table = Table(show_header=False, title=f"{time.strftime('%H:%M:%S')}")
    table.add_row("block", f"{head['number']}, final {head['final']}, {head['at']}")
    for name, text in indexing_rows(status["indexer"]):
        table.add_row(name, text)
    states = ("open", "claimed", "answered", "settled", "cancelled", "expired")
    table.add_row("jobs", ", ".join(f"{stats[state]} {state}" for state in states if stats[state]) or "none yet")
    table.add_row("receipts", str(stats["receipts"]))
    table.add_row("tokens", f"{stats['tokens_prompt']} in, {stats['tokens_completion']} out")
    table.add_row("escrow, credit", f"{show_wei(int(stats['open_escrow']))}, {show_wei(int(stats['credit']))}")
    for node in status["nodes"]:
        done = f"{node['settled']} settled, {node['leases_lost']} leases lost, earned {show_wei(int(node['earned']))}"
        table.add_row(node["address"], f"{node['state']}: {done}")
    return table


def indexing_rows(indexer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """How far, how fast, until when, and what holds it back; troubles only where there are any."""
    if not indexer["lag_blocks"]:
        yield "lag", "none: level with the chain"
    else:
        left = "no end in sight" if indexer["eta_s"] is None else f"about {_span(indexer['eta_s'])} left"
        yield "lag", f"{indexer['lag_blocks']} blocks, {_span(indexer['lag_s'])}; {left}"
    yield "rate", f"{indexer['blocks_per_s']:.1f} blocks a second; {indexer['logs']} logs since the start"
    busy = ", ".join(f"{stage} {spent:.1f} s" for stage, spent in indexer["seconds"].items())
    yield "bottleneck", f"{BOTTLENECKS[indexer['busiest']]} ({busy})"
    if indexer["provider_errors"]:
        errors = ", ".join(f"{many} {kind}" for kind, many in sorted(indexer["provider_errors"].items()))
        yield "provider errors", f"{errors}; {indexer['retries']} retries"
    if indexer["parked"]:
        yield "parked", f"{indexer['parked']} facts: see `tallystick parked list`"
    yield "reorgs, memory", f"{indexer['reorgs']}, {indexer['memory_bytes'] >> 20} MiB"


def _span(seconds: float) -> timedelta:
    return timedelta(seconds=round(seconds))
