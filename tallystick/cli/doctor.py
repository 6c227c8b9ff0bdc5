"""`tallystick doctor`: findings about this machine, its settings and the chain, each with what to do about it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from rich.table import Table

from api.settings import ApiSettings
from api.sql.settings import SqlSettings
from chain.errors import ChainError
from chain.node import Node
from chain.settings import ChainSettings
from receipts import deployment as pins
from tallystick.cli.options import chain_options, json_option
from tallystick.cli.session import Session, pass_session, run_async
from tallystick.doctor import Finding, check_keystore, examine, project_root, this_machine
from tallystick.wallet import WalletSettings
from worker.engine import EngineError
from worker.openai_engine import OpenAIEngine
from worker.settings import Settings as WorkerSettings

MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "fault": "[red]fault[/]"}


@click.command()
@chain_options
@json_option
@pass_session
def doctor(session: Session, rpc_url: str | None, ws_url: str | None, deployment: Path, as_json: bool) -> None:
    """Looks at machine, versions, ports, keys, chain, disk and engine, and says what to do about each finding.

    Exit status 1 when something would keep the network from running; notes do not count.

    \b
    Example:  tallystick doctor --rpc-url http://127.0.0.1:8545
    """
    api, sql = session.settings(ApiSettings), session.sources.room(SqlSettings, "sql")
    machine = this_machine(
        project_root(), {"API": api.port, "IPFS RPC": api.kubo_port, "SQL": sql.quack_port, "chain": 8545}
    )
    findings = list(examine(machine))
    findings += check_wallet(session.settings(WalletSettings))
    findings += run_async(check_engine(session.settings(WorkerSettings)))
    findings += run_async(check_chain(session.settings(ChainSettings, rpc_url=rpc_url, ws_url=ws_url), deployment))
    if as_json:
        click.echo(msgspec.json.encode(findings))
    else:
        session.console.print(_table(findings))
    sys.exit(any(finding.state == "fault" for finding in findings))


def check_wallet(settings: WalletSettings) -> Iterator[Finding]:
    if settings.keystore:
        yield from check_keystore(Path(settings.keystore))
    if settings.password_file:
        yield from check_keystore(Path(settings.password_file))


async def check_engine(settings: WorkerSettings) -> list[Finding]:
    """The server that a worker puts its jobs to; vLLM in the worker's own environment was looked at before."""
    if settings.engine != "openai":
        return []
    engine = OpenAIEngine(settings)
    try:
        await engine.start()
    except EngineError as fault:
        return [Finding("engine", "fault", str(fault), "start that server, or correct engine_url in [worker]")]
    finally:
        await engine.close()
    return [Finding("engine", "ok", f"{settings.engine_url} has {settings.engine_model or settings.model_id}")]


async def check_chain(settings: ChainSettings, path: Path) -> list[Finding]:
    """Is a deployment at hand, does its chain answer, and is it that chain?"""
    try:
        deployment = pins.load(path)
    except pins.BadDeployment as fault:
        return [
            Finding("deployment", "note", str(fault), "run `tallystick up`, or `tallystick deploy` against your chain")
        ]
    found = [
        Finding("deployment", "ok", f"{path}: chain {deployment.chain_id}, circuit {deployment.circuit.digest[:18]}")
    ]
    node = Node(settings)
    try:
        found += await check_providers(node)
        chain_id = int(await node.call("eth_chainId", []), 16)
        code = await node.call("eth_getCode", ["0x" + deployment.coordinator.hex(), "latest"])
    except ChainError as fault:
        return [*found, Finding("chain", "note", str(fault), "start it with `tallystick up`, or correct --rpc-url")]
    finally:
        await node.close()
    if chain_id != deployment.chain_id:
        detail = f"{node.place} is chain {chain_id}, {path} is of chain {deployment.chain_id}"
        return [
            *found,
            Finding("chain", "fault", detail, "name the right node with --rpc-url or the right file with --deployment"),
        ]
    if code == "0x":
        detail = f"no coordinator at 0x{deployment.coordinator.hex()} on chain {chain_id}"
        return [*found, Finding("chain", "fault", detail, "the chain was reset: deploy again")]
    return [*found, Finding("chain", "ok", f"{node.place}: chain {chain_id}, coordinator in place")]


async def check_providers(node: Node) -> list[Finding]:
    """Where there are several, each as it stands: the others go on without one that is away or of another chain."""
    survey = await node.survey()
    if len(survey) == 1:
        return []
    return [
        Finding(f"provider {name}", "ok", "answers")
        if error is None
        else Finding(f"provider {name}", "note", str(error), "correct it in [[chain.providers]], or leave it out")
        for name, error in survey.items()
    ]


def _table(findings: list[Finding]) -> Table:
    table = Table("what", "", "found", "what to do", show_lines=False)
    for finding in findings:
        table.add_row(finding.subject, MARKS[finding.state], finding.detail, finding.remedy)
    return table
