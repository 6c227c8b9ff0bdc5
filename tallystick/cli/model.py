"""`tallystick model`: which models the network knows, and what their tokens cost."""

from pathlib import Path
from typing import Any

import click
from rich.progress import Progress
from rich.table import Column, Table

from chain.outgoing import TransactionReceipt
from receipts import model_manifest
from tallystick.amounts import show_wei
from tallystick.cli.options import AMOUNT, chain_options, wallet_options
from tallystick.cli.sending import change_chain, flags_of, read_chain
from tallystick.cli.session import Session, pass_session
from tallystick.onchain import Reading, Sending


@click.group()
def model() -> None:
    """Registers models, sets their prices, and lists them. Changes are for the registry's owner.

    \b
    Example:  tallystick model add my-model --folder ./my-model --name "My model" --keystore owner.json
    """


def _content(command: Any) -> Any:
    for option in (
        click.option("--cid", help="Instead: the CID of its manifest."),
        click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Its files."),
    ):
        command = option(command)
    return command


@model.command()
@click.argument("model_id")
@_content
@click.option("--name", default="", help="A name for people [default: MODEL_ID].")
@click.option("--description", default="", help="What it is good for.")
@chain_options
@wallet_options
@pass_session
def add(
    session: Session, model_id: str, folder: Path | None, cid: str | None, name: str, description: str, **options: Any
) -> None:
    """Registers MODEL_ID at the registry's default prices; its files are named by the CID of their manifest.

    \b
    Example:  tallystick model add my-model --folder ./my-model --name "My model" --keystore owner.json
    """
    named = _named(session, folder, cid)
    _call(session, options, f"registered {model_id}", "registerModel", model_id, named, name or model_id, description)


@model.command()
@click.argument("model_id")
@_content
@chain_options
@wallet_options
@pass_session
def update(session: Session, model_id: str, folder: Path | None, cid: str | None, **options: Any) -> None:
    """Registers new files for MODEL_ID; jobs already ordered keep the old ones.

    \b
    Example:  tallystick model update my-model --folder ./my-model-2 --keystore owner.json
    """
    _call(session, options, f"updated {model_id}", "updateModel", model_id, _named(session, folder, cid))


@model.command()
@click.argument("model_id")
@click.argument("prompt_price", type=AMOUNT)
@click.argument("completion_price", type=AMOUNT)
@chain_options
@wallet_options
@pass_session
def price(session: Session, model_id: str, prompt_price: int, completion_price: int, **options: Any) -> None:
    """Sets the prices of a prompt token and of a completion token, such as 2gwei 20gwei.

    \b
    Example:  tallystick model price my-model 2gwei 20gwei --keystore owner.json
    """
    _call(session, options, f"priced {model_id}", "setPrices", model_id, prompt_price, completion_price)


@model.command()
@click.argument("model_id")
@click.argument("tokens", type=click.IntRange(1, 2**32 - 1))
@chain_options
@wallet_options
@pass_session
def limit(session: Session, model_id: str, tokens: int, **options: Any) -> None:
    """Sets the most completion tokens that one job may ask for.

    \b
    Example:  tallystick model limit my-model 1024 --keystore owner.json
    """
    _call(session, options, f"limited {model_id} to {tokens} tokens", "setMaxTokens", model_id, tokens)


@model.command()
@click.argument("model_id")
@chain_options
@wallet_options
@pass_session
def activate(session: Session, model_id: str, **options: Any) -> None:
    """Lets new jobs name MODEL_ID.

    \b
    Example:  tallystick model activate my-model --keystore owner.json
    """
    _call(session, options, f"activated {model_id}", "setActive", model_id, True)


@model.command()
@click.argument("model_id")
@chain_options
@wallet_options
@pass_session
def deactivate(session: Session, model_id: str, **options: Any) -> None:
    """Refuses new jobs for MODEL_ID; those already ordered go on.

    \b
    Example:  tallystick model deactivate my-model --keystore owner.json
    """
    _call(session, options, f"deactivated {model_id}", "setActive", model_id, False)


@model.command("list")
@chain_options
@pass_session
def list_models(session: Session, **options: Any) -> None:
    """The active models with their prices and CIDs.

    \b
    Example:  tallystick model list --rpc-url http://127.0.0.1:8545
    """

    async def ask(chain: Reading) -> None:
        table = Table("model", "prompt token", "completion token", "tokens at most", Column("CID", overflow="fold"))
        for model_id in await chain.contracts.active_models():
            terms = await chain.contracts.model_terms(model_id)
            prices = (show_wei(terms.price_prompt_token), show_wei(terms.price_completion_token))
            table.add_row(model_id, *prices, str(terms.max_tokens), terms.model_cid)
        session.console.print(table)

    read_chain(session, flags_of(options), ask)


def _named(session: Session, folder: Path | None, cid: str | None) -> str:
    """The CID given, or the one of the folder's manifest, which is hashed with its progress shown."""
    if (folder is None) == (cid is None):
        raise click.UsageError("name the model's files with --folder, or their manifest with --cid")
    if cid is not None:
        return cid
    assert folder is not None
    with Progress(console=session.console, transient=True) as progress:
        task = progress.add_task(f"hashing {folder}", total=None)
        manifest = model_manifest.describe(
            folder, lambda done, total: progress.update(task, completed=done, total=total)
        )
    return str(model_manifest.model_cid(model_manifest.encode_manifest(manifest)))


def _call(session: Session, options: dict[str, Any], done: str, function: str, *arguments: Any) -> None:
    async def act(sender: Sending) -> TransactionReceipt:
        return await sender.call(sender.chain.contracts.models, function, *arguments)

    change_chain(session, flags_of(options), act, done)
