"""`tallystick ceremony`: many hands make a proving key, so that nobody can forge with it; anyone can check it."""

import tempfile
from pathlib import Path

import click

from receipts import ceremony as phases
from receipts.ceremony_tools import Tools, find_tools
from receipts.settings import ReceiptSettings
from tallystick.cli.session import Session, pass_session


@click.group()
def ceremony() -> None:
    """Makes a proving key that many hands hold and nobody can forge with, and verifies it.

    \b
    Each party in turn, file in, file out; one honest party is enough:
      tallystick ceremony start powers.ptau first.zkey
      tallystick ceremony contribute first.zkey second.zkey --name "Ada"
      tallystick ceremony finalise second.zkey last.zkey --beacon 0x...   (public, unknown before)
      tallystick ceremony publish powers.ptau last.zkey keys/
    """


ptau_argument = click.argument("powers", type=click.Path(exists=True, dir_okay=False, path_type=Path))
before_argument = click.argument("before", type=click.Path(exists=True, dir_okay=False, path_type=Path))
after_argument = click.argument("after", type=click.Path(path_type=Path))


def _tools(session: Session) -> Tools:
    return find_tools(Path(session.settings(ReceiptSettings).tools_folder))


@ceremony.command()
@ptau_argument
@after_argument
@pass_session
def start(session: Session, powers: Path, after: Path) -> None:
    """Begins from POWERS of tau (2^10 or more), writing AFTER for the first party.

    \b
    Example:  tallystick ceremony start powers.ptau first.zkey
    """
    tools = _tools(session)
    with tempfile.TemporaryDirectory() as scratch, session.console.status("checking the powers of tau, setting up"):
        phases.start(tools, phases.compile_circuit(tools, phases.CIRCUITS, Path(scratch)).constraints, powers, after)
    session.console.print(f"{after}: hand it to the first party")


@ceremony.command()
@before_argument
@after_argument
@click.option("--name", required=True, help="Who contributes; it goes into the transcript.")
@pass_session
def contribute(session: Session, before: Path, after: Path, name: str) -> None:
    """Adds this machine's randomness to BEFORE, writing AFTER for the next party.

    \b
    Example:  tallystick ceremony contribute first.zkey second.zkey --name "Ada"
    """
    with session.console.status("contributing"):
        digest = phases.contribute(_tools(session), before, after, name)
    session.console.print(f"{after}: hand it on, and publish your contribution's hash:\n{digest}", soft_wrap=True)


@ceremony.command()
@before_argument
@after_argument
@click.option("--beacon", required=True, help="Public randomness as hex, such as the hash of a later block.")
@pass_session
def finalise(session: Session, before: Path, after: Path, beacon: str) -> None:
    """Ends the ceremony with public randomness.

    \b
    Example:  tallystick ceremony finalise second.zkey last.zkey --beacon 0x8f3c5b...
    """
    try:
        randomness = bytes.fromhex(beacon.removeprefix("0x"))
    except ValueError:
        raise click.BadParameter(f"{beacon!r} is not hex") from None
    with session.console.status("applying the beacon"):
        phases.finalise(_tools(session), before, after, randomness)
    session.console.print(f"{after}: publish it with `tallystick ceremony publish`")


@ceremony.command()
@ptau_argument
@before_argument
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@pass_session
def publish(session: Session, powers: Path, before: Path, folder: Path) -> None:
    """Verifies the finished ceremony in BEFORE and writes FOLDER with keys, sums and transcript.

    \b
    Example:  tallystick ceremony publish powers.ptau last.zkey keys
    """
    with session.console.status("verifying the whole chain of contributions"):
        manifest = phases.publish(_tools(session), phases.CIRCUITS, powers, before, folder)
    names = ", ".join(part.name for part in manifest.ceremony.contributions)
    session.console.print(f"{folder}: keys of a ceremony by {names}")


@ceremony.command("verify")
@ptau_argument
@click.argument("folder", type=click.Path(exists=True, path_type=Path, file_okay=False))
@pass_session
def verify_ceremony(session: Session, powers: Path, folder: Path) -> None:
    """Checks FOLDER's keys against the circuit's sources, the powers of tau and its own transcript.

    \b
    Example:  tallystick ceremony verify powers.ptau keys
    """
    with session.console.status("verifying the whole chain of contributions"):
        manifest = phases.verify_published(_tools(session), phases.CIRCUITS, powers, folder)
    session.console.print(
        f"{folder} holds what its transcript says: {len(manifest.ceremony.contributions)} contributions"
    )
