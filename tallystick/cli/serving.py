"""`tallystick serve`: the chain of a deployment is followed, and what it says is served."""

from typing import Any

import click

from api.settings import ApiSettings
from api.sql.settings import SqlSettings
from chain.settings import ChainSettings
from domain.settings import DomainSettings
from indexer.settings import DATABASE, IndexerSettings
from receipts import deployment as pins
from tallystick import indexing, serving
from tallystick.cli.options import chain_options, wallet_options
from tallystick.cli.sending import ChainFlags, flags_of, wallet_of
from tallystick.cli.session import Session, pass_session, run_async, start_logging
from tallystick.content import ContentSettings
from tallystick.wallet import open_signer

database_option = click.option("--database", help=f"The explorer's DuckDB file [default: {DATABASE}].")


def index_deployment(
    session: Session, database: str | None, level: str | None, finality: str | None, **options: Any
) -> None:
    """Follows the chain of a deployment into the ledger and DuckDB, without serving anything, until Ctrl-C."""
    start_logging()
    flags = flags_of(options)
    deployment = pins.load(flags.deployment)
    settings = _settings(session, flags, database, level=level, finality=finality)
    run_async(indexing.run_index(settings, deployment))


@click.command()
@click.option("--host", help="Address to listen on [default: 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the API [default: 8001].")
@click.option("--kubo-port", type=click.IntRange(0, 65535), help="Port of the IPFS RPC [default: 5001].")
@click.option("--sql/--no-sql", default=None, help="Answer SQL, in a process of its own [default: yes].")
@click.option("--quack-port", type=click.IntRange(0, 65535), help="Port that DuckDB can attach [default: 9494].")
@database_option
@chain_options
@wallet_options
@pass_session
def serve(
    session: Session,
    host: str | None,
    port: int | None,
    kubo_port: int | None,
    sql: bool | None,
    quack_port: int | None,
    database: str | None,
    **options: Any,
) -> None:
    """Indexes the chain and serves the API over it, until Ctrl-C. With a wallet it takes orders and pays for them.

    \b
    Example:  tallystick serve --rpc-url http://127.0.0.1:8545 --keystore orders.json
    """
    start_logging()
    flags = flags_of(options)
    deployment = pins.load(flags.deployment)
    wallet = wallet_of(session, flags)
    has_wallet = bool(wallet.keystore) or wallet.development_account is not None
    signer = open_signer(wallet, deployment.chain_id, session.environ, session.person) if has_wallet else None
    api = session.settings(ApiSettings, host=host, port=port, kubo_port=kubo_port)
    asking = session.sources.room(SqlSettings, "sql", enabled=sql, quack_port=quack_port)
    run_async(serving.run_api(_settings(session, flags, database, api, asking), deployment, signer))


def _settings(
    session: Session,
    flags: ChainFlags,
    database: str | None,
    api: ApiSettings | None = None,
    sql: SqlSettings | None = None,
    level: str | None = None,
    finality: str | None = None,
) -> serving.ServeSettings:
    return serving.ServeSettings(
        chain=session.settings(
            ChainSettings, rpc_url=flags.rpc_url, ws_url=flags.ws_url, level=level, finality=finality
        ),
        domain=session.settings(DomainSettings, ledger_url=flags.ledger_url),
        indexer=session.settings(IndexerSettings, database=database),
        content=session.settings(ContentSettings),
        api=api or session.settings(ApiSettings),
        sql=sql or session.sources.room(SqlSettings, "sql"),
    )
