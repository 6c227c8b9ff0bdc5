"""Options that several commands share, each defined once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tallystick.amounts import BadAmount, parse_wei
from tallystick.cli.session import Session

ADDRESS_BYTES = 20
API_URL, DEPLOYMENT = "http://127.0.0.1:8001", "deployment.json"

Command = TypeVar("Command", bound=Callable[..., Any])


def _stack(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _place(name: str, otherwise: str) -> Callable[[], str]:
    """What the settings file says, which is read only where neither flag nor environment does."""

    def default() -> str:
        session = click.get_current_context().find_object(Session)
        return session.sources.places.get(name, otherwise) if session else otherwise

    return default


def chain_options(command: Command) -> Command:
    """--rpc-url, --ws-url and --deployment: which chain, and which contracts on it."""
    return _stack(
        click.option("--rpc-url", help="JSON-RPC of the chain's node [default: http://127.0.0.1:8545]."),
        click.option("--ws-url", help="WebSocket of the same node, for new blocks at once."),
        deployment_option,
    )(command)


def deployment_option(command: Command) -> Command:
    """--deployment: the file that names chain, contracts and circuit."""
    return click.option(
        "--deployment",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="TALLYSTICK_DEPLOYMENT",
        default=_place("deployment", DEPLOYMENT),
        help=f"What was deployed, as `tallystick deploy` wrote it [default: {DEPLOYMENT}].",
    )(command)


def wallet_options(command: Command) -> Command:
    """--keystore, --password-file, --development-account and --ledger-url: who signs, and where it is recorded."""
    return _stack(
        click.option("--keystore", help="Encrypted key file, as `tallystick wallet new` makes it."),
        click.option("--password-file", help="File with its password, readable by its owner alone."),
        click.option("--development-account", type=int, help="Instead: account 0 to 19 of a development chain."),
        click.option(
            "--ledger-url", help="SQLite file or PostgreSQL that records what is sent [default: .tallystick]."
        ),
    )(command)


def api_option(command: Command) -> Command:
    """--api-url: the network's API."""
    return click.option(
        "--api-url",
        envvar="TALLYSTICK_API_URL",
        default=_place("api_url", API_URL),
        help=f"The network's API [default: {API_URL}].",
    )(command)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


class Amount(click.ParamType):
    """Wei as a number, or `5gwei`, or `0.1eth`."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_wei(value)
        except BadAmount as fault:
            self.fail(str(fault), param, ctx)


AMOUNT = Amount()


class Address(click.ParamType):
    """20 bytes as 40 hex digits, with or without 0x."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        try:
            address = bytes.fromhex(value.removeprefix("0x"))
        except ValueError:
            address = b""
        if len(address) != ADDRESS_BYTES:
            self.fail(f"{value!r} is no address: give 0x and 40 hex digits", param, ctx)
        return address


ADDRESS = Address()
