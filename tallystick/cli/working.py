"""`tallystick work`: this machine answers jobs and is paid for them."""

from typing import Any

import click

from chain.settings import ChainSettings
from domain.settings import DomainSettings
from receipts import deployment as pins
from receipts.settings import ReceiptSettings
from tallystick import working
from tallystick.cli.options import chain_options, wallet_options
from tallystick.cli.sending import flags_of, wallet_of
from tallystick.cli.session import Session, pass_session, run_async, start_logging
from tallystick.content import ContentSettings
from tallystick.wallet import open_signer
from worker.settings import Settings


@click.command()
@click.option("--model-id", help="The model as the registry names it.")
@click.option("--model-folder", help="Its files, with their manifest.")
@click.option("--engine", type=click.Choice(["vllm", "openai"]), help="vLLM in this process, or a server by URL.")
@click.option("--engine-url", help="The OpenAI-compatible server, such as http://127.0.0.1:8000/v1.")
@click.option("--concurrency", type=click.IntRange(1), help="Jobs generated at once.")
@click.option("--api-url", help="The network's API: shows progress, takes receipts.")
@click.option("--kubo-url", help="IPFS RPC that keeps prompts and answers, such as http://127.0.0.1:5001.")
@chain_options
@wallet_options
@pass_session
def work(session: Session, api_url: str | None, kubo_url: str | None, **options: Any) -> None:
    """Claims jobs, answers them with vLLM, proves the receipts and settles them. Ctrl-C or SIGTERM drains.

    The wallet must be a registered node: see `tallystick node register`. Killed at any step, started again it goes
    on where it was: its journal is the ledger.

    \b
    Example:  tallystick work --keystore worker.json --api-url http://127.0.0.1:8001 \\
                --kubo-url http://127.0.0.1:5001
    """
    own = {name: options.pop(name) for name in ("model_id", "model_folder", "engine", "engine_url", "concurrency")}
    flags = flags_of(options)
    start_logging()
    deployment = pins.load(flags.deployment)
    signer = open_signer(wallet_of(session, flags), deployment.chain_id, session.environ, session.person)
    run_async(
        working.work(
            session.settings(Settings, api_url=api_url, **own),
            session.settings(ChainSettings, rpc_url=flags.rpc_url, ws_url=flags.ws_url),
            session.settings(DomainSettings, ledger_url=flags.ledger_url),
            session.settings(ReceiptSettings),
            session.settings(ContentSettings, kubo_url=kubo_url),
            deployment,
            signer,
        )
    )
