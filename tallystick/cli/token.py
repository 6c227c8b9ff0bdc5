"""`tallystick token create|list|revoke --sql`: who may attach the SQL door with a DuckDB of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.table import Table

from api.sql import tokens
from api.sql.settings import SqlSettings
from tallystick.cli.options import json_option
from tallystick.cli.session import Session, pass_session

Command = TypeVar("Command", bound=Callable[..., Any])


def sql_option(command: Command) -> Command:
    """--sql: the door that the token is for; others will follow."""
    return click.option("--sql", is_flag=True, required=True, help="For the SQL door (Quack).")(command)


@click.group()
def token() -> None:
    """Who may attach: tokens are shown once, and kept as their SHA-256 alone.

    \b
    Example:  tallystick token create --sql ada
    """


@token.command()
@click.argument("name")
@sql_option
@pass_session
def create(session: Session, name: str, sql: bool) -> None:  # noqa: ARG001
    """Makes a token for NAME and shows it, this once. A server that runs takes it within a second.

    \b
    Example:  tallystick token create --sql ada
    """
    made = tokens.create(_path(session), name)
    click.echo(made)
    click.echo("keep it: it can not be shown again", err=True)


@token.command("list")
@sql_option
@json_option
@pass_session
def list_(session: Session, sql: bool, as_json: bool) -> None:  # noqa: ARG001
    """Shows names, ids and when each token was made.

    \b
    Example:  tallystick token list --sql
    """
    kept = tokens.read(_path(session))
    if as_json:
        told = [{"name": each.name, "id": each.id, "created_at": each.created_at} for each in kept]
        click.echo(msgspec.json.encode(told))
        return
    table = Table("name", "id", "made")
    for each in kept:
        table.add_row(each.name, each.id, f"{each.created_at:%Y-%m-%d %H:%M} UTC")
    session.console.print(table if kept else "there is no token: make one with `tallystick token create --sql NAME`")


@token.command()
@click.argument("name_or_id")
@sql_option
@pass_session
def revoke(session: Session, name_or_id: str, sql: bool) -> None:  # noqa: ARG001
    """Takes a token back, by name or id: who comes with it after a second is not let in.

    \b
    Example:  tallystick token revoke --sql ada
    """
    gone = tokens.revoke(_path(session), name_or_id)
    session.console.print(f"revoked {gone.name} ({gone.id})")


def _path(session: Session) -> Path:
    return session.sources.room(SqlSettings, "sql").tokens
