"""`tallystick demo`, `up` and `deploy`: a whole network on this machine, for a minute or for as long as you like."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from tallystick import demo as demonstration
from tallystick.amounts import show_wei
from tallystick.asking import Told
from tallystick.cli.options import deployment_option
from tallystick.cli.session import Session, pass_session, run_async
from tallystick.demo import Asked
from tallystick.doctor import project_root
from tallystick.http import answer, connected
from tallystick.network import Plan, Ports, Running, plan, running
from tallystick.traffic import keep_asking

ANY_PORTS = Ports(chain=0, api=0, kubo=0, quack=0)
TIMES = ("queue", "inference", "proof", "settlement", "indexed")
PATH = click.Path(path_type=Path)
PORT = click.IntRange(0, 65535)


@click.command()
@click.option("--prompts", type=PATH, help="A text file, one prompt a line [default: three of ours].")
@click.option("--json-file", type=PATH, default=Path("demo.json"), show_default=True, help="The report.")
@click.option("--evidence", type=PATH, default=Path("evidence"), show_default=True, help="Folder for the bundles.")
@pass_session
def demo(session: Session, prompts: Path | None, json_file: Path, evidence: Path) -> None:
    """Starts a network of its own, asks prompts, shows answers, receipts and costs, and ends everything again.

    Exit status 0 only if every receipt was verified on chain and the books balance.

    \b
    Example:  tallystick demo --prompts questions.txt
    """
    questions, root = demonstration.read_prompts(prompts), project_root()
    shutil.rmtree(evidence, ignore_errors=True)
    evidence.mkdir(parents=True)
    folder = root / ".tallystick/demo"
    shutil.rmtree(folder, ignore_errors=True)
    told = run_async(_demo(session.console, plan(root, folder, ANY_PORTS), questions, evidence))
    json_file.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
    good = demonstration.is_good(told)
    session.console.print(f"[green]every receipt verified, the books balance[/]; all of it in {json_file}" if good
                          else f"[red]not everything was verified: see {json_file}[/]")  # fmt: skip
    sys.exit(0 if good else 1)


async def _demo(console: Console, planned: Plan, questions: tuple[str, ...], evidence: Path) -> dict[str, Any]:
    began = time.monotonic()
    with console.status("starting") as status:
        network = running(planned, status.update)
        up = await network.__aenter__()
    try:
        ready = time.monotonic()
        console.print(f"[dim]up in {ready - began:.1f} s: chain, contracts, indexer, API, worker with vLLM[/]")
        async with connected(up.api_url) as api:
            shutil.copyfile(up.deployment_file, evidence / "deployment.json")
            jobs = [await _ask(console, api, question, evidence) for question in questions]
            books = await demonstration.reconcile(api)
            node = answer(await api.get("/explorer/v1/nodes")).json()["data"][0]
        console.print(_receipts(jobs), _times(jobs))
        rechecked = demonstration.recheck(jobs, up.deployment, planned.model_folder)
        console.print(f"{rechecked} of {len(jobs)} bundles verify from their bytes alone, tokens recounted")
        timings = {"setup_s": round(ready - began, 2), "jobs_s": round(time.monotonic() - ready, 2)}
        return demonstration.report(up, jobs, books, node, rechecked, timings)
    finally:
        await network.__aexit__(*sys.exc_info())


async def _ask(console: Console, api: Any, question: str, evidence: Path) -> Asked:
    console.print(f"\n[bold]{question}[/]", markup=True)

    def told(event: Told) -> None:
        if event.name == "token":
            console.print(event.data["text"], end="", markup=False)
        elif event.name == "answered":
            console.print()
        elif event.name == "failed":
            console.print(f"[red]failed: {event.data.get('reason', '')}[/]")

    return await demonstration.ask(api, question, evidence, told)


def _receipts(jobs: list[Asked]) -> Table:
    table = Table(title="receipts", show_lines=True)
    for name in ("question", "answer"):
        table.add_column(name, ratio=1, min_width=20)
    for name in ("tokens", "price", "receipt", "transaction", "gas"):
        table.add_column(name, no_wrap=True)
    for each in jobs:
        receipt = each.receipt
        state = receipt.get("state", "none")
        table.add_row(
            _shortened(each.prompt),
            _shortened(each.job["answer"] or ""),
            f"{receipt.get('prompt_tokens')} + {receipt.get('completion_tokens')}",
            show_wei(int(receipt.get("amount") or 0)),
            f"[{'green' if each.is_verified else 'red'}]{state}[/]",
            f"{(receipt.get('tx_hash') or '')[:10]}…",
            str(receipt.get("gas_used")),
        )
    return table


def _times(jobs: list[Asked]) -> Table:
    table = Table("job", *TIMES, "total", "network alone", title="where the time went, in seconds")
    for each in jobs:
        seconds = [getattr(each.split, name) for name in TIMES] + [each.split.total, each.network_overhead_s]
        table.add_row(each.job["job_id"], *(f"{value:.2f}" for value in seconds))
    return table


def _shortened(text: str, length: int = 90) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


@click.command()
@click.option("--traffic", is_flag=True, help="Asks a question now and then, so that there is something to see.")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path(".tallystick/up"), show_default=True, help="Its data."
)
@click.option("--chain-port", type=PORT, default=8545, show_default=True)
@click.option("--api-port", type=PORT, default=8001, show_default=True)
@click.option("--kubo-port", type=PORT, default=5001, show_default=True)
@click.option("--quack-port", type=PORT, default=9494, show_default=True)
@pass_session
def up(
    session: Session, traffic: bool, folder: Path, chain_port: int, api_port: int, kubo_port: int, quack_port: int
) -> None:
    """Runs the whole network until Ctrl-C, and prints where everything is. Its data survive a restart.

    \b
    Example:  tallystick up --api-port 9001
    """
    planned = plan(project_root(), folder.resolve(), Ports(chain_port, api_port, kubo_port, quack_port))
    run_async(keep_up(session.console, planned, traffic))


async def keep_up(console: Console, planned: Plan, traffic: bool = False) -> None:
    """Until SIGINT or SIGTERM, or until a process that the network needs has ended: that is raised."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with console.status("starting") as status:
        network = running(planned, status.update)
        running_now = await network.__aenter__()
    crowd = asyncio.create_task(keep_asking(running_now.api_url, console.print)) if traffic else None
    try:
        _tell_where(console, planned, running_now)
        while not stop.is_set():
            running_now.children.check()
            try:
                await asyncio.wait_for(stop.wait(), 0.5)
            except TimeoutError:
                continue
        console.print("stopping: the worker settles what it holds")
    finally:
        if crowd is not None:
            crowd.cancel()
        await network.__aexit__(*sys.exc_info())


def _tell_where(console: Console, planned: Plan, up: Running) -> None:
    table = Table(show_header=False, title="the network is up; Ctrl-C ends it")
    table.add_row("explorer", f"[bold]{up.api_url}[/]")
    table.add_row("API", up.api_url)
    table.add_row("its documentation", f"{up.api_url}/docs and {up.api_url}/redoc")
    table.add_row("SQL", f"{up.api_url}/explorer/v1/sql, and from any DuckDB: ATTACH 'quack:127.0.0.1:{up.quack_port}'")
    table.add_row("IPFS RPC", up.kubo_url)
    table.add_row("chain", f"{up.rpc_url} (id {up.deployment.chain_id})")
    table.add_row("contracts", str(up.deployment_file))
    table.add_row("keys, for development only", "accounts 0 (owner), 1 (orders), 2 (worker) of `test test ... junk`")
    table.add_row("settings", f"{planned.folder}/serve.toml and work.toml, for --config")
    table.add_row("logs", str(planned.folder / "logs"))
    console.print(table)
    if up.notice is not None:
        console.print(f"[yellow]{up.notice}[/]", soft_wrap=True)
    console.print(f'try: tallystick ask "What is a tally stick?" --api-url {up.api_url}')


@click.command()
@click.option("--rpc-url", default="http://127.0.0.1:8545", show_default=True, help="The chain's node.")
@click.option("--account", help="Alias from `ape accounts list`; a development chain takes its first account.")
@click.option("--model", "models", nargs=2, multiple=True, metavar="ID CID", help="Registers a model; repeatable.")
@deployment_option
def deploy(rpc_url: str, account: str | None, models: tuple[tuple[str, str], ...], deployment: Path) -> None:
    """Compiles the contracts and deploys them with Ape; writes DEPLOYMENT. Further options: `ape run deploy --help`.

    \b
    Example:  tallystick deploy --rpc-url http://127.0.0.1:8545 --deployment deployment.json
    """
    command = [str(Path(sys.executable).parent / "ape"), "run", "deploy", "--network", rpc_url]
    command += ["--deployment", str(deployment.resolve())]
    command += ["--account", account] if account else []
    command += [word for model in models for word in ("--model", *model)]
    sys.exit(subprocess.run(command, cwd=project_root(), env=os.environ, check=False).returncode)
