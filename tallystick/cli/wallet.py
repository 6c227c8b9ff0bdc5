"""`tallystick wallet`: encrypted keys, balances, and the way of money in and out."""

import secrets
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from chain.outgoing import TransactionReceipt
from chain.signing import BadKey, write_keystore
from chain.wire import quantity
from tallystick.amounts import show_wei
from tallystick.cli.options import ADDRESS, AMOUNT, chain_options, wallet_options
from tallystick.cli.sending import change_chain, flags_of, read_chain
from tallystick.cli.session import Session, pass_session
from tallystick.onchain import Reading, Sending
from tallystick.wallet import given_password

keystore_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
password_option = click.option("--password-file", help="File with the password [default: asked for].")


@click.group()
def wallet() -> None:
    """Makes encrypted key files, shows balances, tops up and withdraws.

    \b
    Example:  tallystick wallet new worker.json
              tallystick wallet show 0x70997970c51812dc3a010c7d01b50e0d17dc79c8
    """


@wallet.command()
@keystore_argument
@password_option
@pass_session
def new(session: Session, file: Path, password_file: str | None) -> None:
    """Makes a new key and writes it, encrypted, to FILE.

    \b
    Example:  tallystick wallet new worker.json --password-file password
    """
    _write(session, secrets.token_bytes(32), file, password_file)


@wallet.command()
@keystore_argument
@password_option
@pass_session
def add(session: Session, file: Path, password_file: str | None) -> None:
    """Encrypts a private key that you type (it is not shown) into FILE.

    \b
    Example:  tallystick wallet add worker.json
    """
    typed = session.ask_secret("Private key, 64 hex digits")
    try:
        key = bytes.fromhex(typed.strip().removeprefix("0x"))
    except ValueError:
        raise BadKey("that is no private key: give 64 hex digits") from None
    _write(session, key, file, password_file)


@wallet.command()
@click.argument("address", type=ADDRESS)
@chain_options
@pass_session
def show(session: Session, address: bytes, **options: Any) -> None:
    """What ADDRESS has on chain, and what the coordinator owes it.

    \b
    Example:  tallystick wallet show 0x70997970c51812dc3a010c7d01b50e0d17dc79c8
    """

    async def ask(chain: Reading) -> None:
        balance = quantity(await chain.node.call("eth_getBalance", ["0x" + address.hex(), "latest"], str), 256)
        table = Table(show_header=False)
        table.add_row("balance", show_wei(balance))
        table.add_row("credit to withdraw", show_wei(await chain.contracts.credit_of(address)))
        session.console.print(table)

    read_chain(session, flags_of(options), ask)


@wallet.command("top-up")
@click.argument("address", type=ADDRESS)
@click.argument("amount", type=AMOUNT)
@chain_options
@wallet_options
@pass_session
def top_up(session: Session, address: bytes, amount: int, **options: Any) -> None:
    """Sends AMOUNT from this wallet to ADDRESS, for its gas and orders.

    \b
    Example:  tallystick wallet top-up 0x70997970c51812dc3a010c7d01b50e0d17dc79c8 0.1eth --keystore owner.json
    """

    async def act(sender: Sending) -> TransactionReceipt:
        return await sender.send(address, b"", amount)

    change_chain(session, flags_of(options), act, f"sent {show_wei(amount)} to 0x{address.hex()}")


@wallet.command()
@click.option("--to", type=ADDRESS, help="Another address to pay it to [default: this wallet's].")
@chain_options
@wallet_options
@pass_session
def withdraw(session: Session, to: bytes | None, **options: Any) -> None:
    """Takes out all credit that the coordinator holds for this wallet: earnings and refunds.

    \b
    Example:  tallystick wallet withdraw --keystore worker.json
    """

    async def act(sender: Sending) -> TransactionReceipt:
        coordinator = sender.chain.contracts.coordinator
        recipient = sender.address if to is None else to
        return await sender.call(coordinator, "withdrawTo", recipient)

    change_chain(session, flags_of(options), act, "withdrew the credit")


def _write(session: Session, key: bytes, file: Path, password_file: str | None) -> None:
    password = given_password(password_file or "", session.environ, session.ask_new_secret, file)
    if not password:
        raise BadKey("an empty password protects nothing: choose another")
    address = write_keystore(key, password, file)
    session.console.print(f"0x{address.hex()} in {file} (encrypted; keep file and password apart)")
