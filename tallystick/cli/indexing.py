"""`tallystick index`: a chain's events into tables, those of our own deployment or of any contract."""

from pathlib import Path
from typing import Any

import click

from tallystick.cli.options import deployment_option
from tallystick.cli.session import Session, pass_session, run_async, start_logging


@click.command()
@click.option("--rpc", "--rpc-url", "rpc_url", help="JSON-RPC of the chain's node [default: http://127.0.0.1:8545].")
@click.option("--ws-url", help="WebSocket of the same node, for new blocks at once.")
@click.option("--contract", "contracts", multiple=True, help="Address whose events to index. May be given again.")
@click.option(
    "--abi",
    "abis",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Its ABI, or one of all; as often as --contract.",
)
@click.option("--from", "first", type=click.IntRange(0), help="First block that may hold its events [default: 0].")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the ledger and the tables.")
@click.option("--until-caught-up", is_flag=True, help="End at the head instead of following it.")
@click.option("--serve", is_flag=True, help="With --contract: serve an API over the tables while indexing.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of that API.")
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="Port of that API.")
@click.option("--projection", type=click.Choice(["events", "explorer"]), help="A table per event, or our own explorer.")
@click.option("--level", help="How strictly to check: root, bloom, or quorum:K for K providers [default: root].")
@click.option("--finality", help="When blocks count as final: finalized, safe or depth:N [default: finalized].")
@deployment_option
@click.option("--database", help="Without --data: the explorer's DuckDB file [default: .tallystick/explorer.duckdb].")
@click.option("--ledger-url", help="Without --data: SQLite file or PostgreSQL that keeps the facts.")
@pass_session
def index(session: Session, **options: Any) -> None:
    """Follows a chain into verified tables in DuckDB, without serving anything, until Ctrl-C.

    With --contract and --abi it indexes any contract and needs nothing else deployed; without, the contracts of
    --deployment. With --data everything lies in that folder.

    \b
    Example:  tallystick index --rpc http://127.0.0.1:8545 --contract 0x5Fb..a3 --abi Token.json --data token
              tallystick index --rpc-url http://127.0.0.1:8545 --deployment deployment.json
    """
    if options["contracts"] or options["data"] is not None:
        _index_into_folder(session, **options)
    else:
        _index_deployment(session, options)


def _index_into_folder(
    session: Session,
    *,
    rpc_url: str | None,
    ws_url: str | None,
    contracts: tuple[str, ...],
    abis: tuple[Path, ...],
    first: int | None,
    data: Path | None,
    until_caught_up: bool,
    serve: bool,
    host: str,
    port: int,
    projection: Any,
    level: str | None,
    finality: str | None,
    deployment: Path,
    database: str | None,
    ledger_url: str | None,
) -> None:
    from chain.settings import ChainSettings
    from tallystick.solo.command import run
    from tallystick.solo.running import Order
    from tallystick.solo.subject import of_deployment, of_pairs

    if data is None:
        raise click.UsageError("--contract needs --data, the folder that its tables shall lie in")
    if database or ledger_url:
        raise click.UsageError(
            "--database and --ledger-url are for an index without --data, which has both in its folder"
        )
    if contracts:
        subject = of_pairs(contracts, abis, first, projection)
    else:
        from receipts import deployment as pins

        subject = of_deployment(pins.load(deployment), first, projection)
    chain = session.settings(ChainSettings, rpc_url=rpc_url, ws_url=ws_url, finality=finality, level=level)

    def settings(database: Path) -> Any:
        from indexer.settings import IndexerSettings

        return session.settings(IndexerSettings, database=database)

    if serve and subject.projection == "explorer":
        raise click.UsageError("--serve is for tables of events: `tallystick serve` serves our own explorer")
    if serve and until_caught_up:
        raise click.UsageError("--serve goes on for ever, --until-caught-up ends: choose one")
    start_logging()
    run_async(run(Order(chain, subject, data, settings, until_caught_up, (host, port) if serve else None)))


def _index_deployment(session: Session, options: dict[str, Any]) -> None:
    from tallystick.cli.serving import index_deployment

    refused = {
        "--abi": "abis",
        "--from": "first",
        "--until-caught-up": "until_caught_up",
        "--projection": "projection",
        "--serve": "serve",
    }
    for flag, name in refused.items():
        if options[name]:
            raise click.UsageError(f"{flag} goes with --data: name the folder that shall hold the index")
    settings = ("rpc_url", "ws_url", "deployment", "database", "ledger_url")
    index_deployment(
        session, level=options["level"], finality=options["finality"], **{name: options[name] for name in settings}
    )
