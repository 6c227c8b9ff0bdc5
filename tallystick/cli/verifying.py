"""`tallystick verify`: an evidence bundle and the reader's own pins come in, a verdict with every step goes out."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import click
import msgspec
from rich.markup import escape

from chain.blocks import fetch_header
from chain.node import Node
from chain.settings import ChainSettings
from chain.wire import octets
from receipts import deployment as pins
from receipts import oracle, verifying
from receipts.tokens import tokenizer_in
from receipts.verification import Verdict, verify_bundle
from tallystick.cli.options import deployment_option, json_option
from tallystick.cli.recomputing import recompute
from tallystick.cli.session import Session, pass_session

MARKS = {True: "[green]passed[/]", False: "[red]failed[/]", None: "[yellow]skipped[/]"}
WRONG_USE = 2
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class Hash(click.ParamType):
    """32 bytes as 64 hex digits, with or without 0x."""

    name = "hash"

    def convert(self, value: str | bytes, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        try:
            found = bytes.fromhex(value.removeprefix("0x"))
        except ValueError:
            found = b""
        if len(found) != 32:
            self.fail(f"{value!r} is no block hash: give 0x and 64 hex digits", param, ctx)
        return found


@click.command()
@click.argument("bundle", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--block-hash", type=Hash(), help="A hash you trust of the block that settled it.")
@click.option("--rpc", "rpc_url", help="Or: a node you trust, which is asked for that hash.")
@click.option(
    "--tokenizer", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of the model: recounts."
)
@click.option("--oracle", "with_oracle", is_flag=True, help="Check the pairing in pure Python too (about a second).")
@click.option("--reputation", metavar="FILE|URL", help="Instead: recomputes a node's reputation from its evidence.")
@deployment_option
@json_option
@pass_session
def verify(
    session: Session, bundle: Path | None, block_hash: bytes | None, rpc_url: str | None, tokenizer: Path | None,
    with_oracle: bool, reputation: str | None, deployment: Path, as_json: bool,
) -> None:  # fmt: skip
    """Checks the evidence BUNDLE of one answer, trusting only DEPLOYMENT and the block hash.

    Exit status: 0 verified, 3 consistent but not anchored (name --block-hash or --rpc), 1 failed, 2 wrong use. Of a
    reputation: 0 the same, 1 another than its outcomes say, 2 wrong use.

    \b
    Examples:  tallystick verify evidence/1.json --deployment evidence/deployment.json --rpc http://127.0.0.1:8545
               tallystick verify --reputation http://127.0.0.1:8001/explorer/v1/nodes/0x5fbd../reputation?window=7d
    """
    if (reputation is None) == (bundle is None):
        raise click.UsageError("give either a BUNDLE or --reputation FILE|URL")
    if reputation is not None:
        sys.exit(recompute(session, reputation, as_json))
    assert bundle is not None
    if block_hash is not None and rpc_url is not None:
        raise click.UsageError("--block-hash and --rpc are two ways to say the same: give one")
    try:
        pinned = pins.load(deployment)
    except pins.BadDeployment as fault:
        session.console.print(f"Error: {escape(str(fault))}")
        sys.exit(WRONG_USE)
    verdict = verify_bundle(
        bundle.read_bytes(),
        pinned,
        block_hash=block_hash,
        block_hash_at=None if rpc_url is None else _asking(rpc_url),
        tokenizer_of=None if tokenizer is None else tokenizer_in(tokenizer),
        pairing_check=oracle.verify_slowly if with_oracle else verifying.verify,
    )
    if as_json:
        click.echo(msgspec.json.encode(verdict))
    else:
        _show(session, verdict)
    sys.exit(verdict.exit_code)


def _asking(rpc_url: str) -> Callable[[int], bytes | None]:
    """A function that asks the node for the hash of a block, recomputed from the header it gives."""

    async def ask(number: int) -> bytes | None:
        async with Node(ChainSettings(rpc_url=rpc_url)) as node:
            header = await fetch_header(node, number)
            return None if header is None else octets(header.hash)

    return lambda number: asyncio.run(ask(number))


def _show(session: Session, verdict: Verdict) -> None:
    for step in verdict.steps:
        session.console.print(f"{MARKS[step.passed]:>20}  {step.name}: {escape(step.detail)}", soft_wrap=True)
    said = {
        "verified": "[green]verified[/]",
        "consistent": "[yellow]consistent, not anchored[/]: name a block hash you trust (--block-hash) or a --rpc",
        "failed": f"[red]failed[/] at: {verdict.failure.name if verdict.failure else ''}",
    }
    session.console.print(said[verdict.outcome], soft_wrap=True)
