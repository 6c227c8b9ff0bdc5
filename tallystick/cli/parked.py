"""`tallystick parked`: facts that contradict what came before, and what an operator may do about each."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import duckdb
import msgspec
from msgspec.structs import replace
from rich.table import Table

from domain.ledger import Ledger, Tip
from indexer.explorer.decisions import NotParked, Parked, drop, dropped, read_parked
from indexer.explorer.recomputing import folded
from tallystick.cli.options import json_option
from tallystick.cli.session import Session, pass_session
from tallystick.cli.store import Store, rebuilding, store_of, store_options


@click.group()
def parked() -> None:
    """Facts that contradict what came before: their events are kept, their consequences are not drawn.

    \b
    Example:  tallystick parked list
    """


@parked.command("list")
@click.option("--all", "with_dropped", is_flag=True, help="Also those that were dropped.")
@store_options
@json_option
@pass_session
def list_(session: Session, with_dropped: bool, as_json: bool, **where: Any) -> None:
    """Shows each with the reason why it was parked.

    \b
    Example:  tallystick parked list --all
    """
    found = [each for each in parked_in(store_of(session, **where)) if with_dropped or not each.is_dropped]
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif not found:
        session.console.print("nothing is parked")
    else:
        session.console.print(_table(found))


@parked.command()
@store_options
@pass_session
def retry(session: Session, **where: Any) -> None:
    """Folds everything anew by the rules of this release: what they can take now has its consequences at last.

    That is a rebuild beside the live tables. Exit status 1 if facts remain parked.

    \b
    Example:  tallystick parked retry
    """
    store = store_of(session, **where)
    before = {_place(each) for each in parked_in(store) if not each.is_dropped}
    rebuilding(session, store)
    remain = [each for each in parked_in(store) if not each.is_dropped]
    session.console.print(f"{len(before - {_place(each) for each in remain})} facts are parked no more")
    if remain:
        session.console.print(_table(remain))
    sys.exit(1 if remain else 0)


@parked.command("drop")
@click.argument("block", type=click.IntRange(0))
@click.argument("log_index", type=click.IntRange(0))
@store_options
@pass_session
def drop_(session: Session, block: int, log_index: int, **where: Any) -> None:
    """Decides that the parked fact at LOG_INDEX of BLOCK has no consequences, for good; every rebuild abides by it.

    \b
    Example:  tallystick parked drop 1200000 17
    """
    store = store_of(session, **where)
    reasons = {_place(each): each.reason for each in parked_in(store)}
    if (block, log_index) not in reasons:
        raise NotParked(f"nothing is parked at block {block}, log {log_index}: `tallystick parked list` tells what is")
    with store.ledger() as ledger:
        drop(ledger, store.chain_id, (block, log_index), reasons[block, log_index])
    session.console.print(f"dropped: {reasons[block, log_index]}")


def parked_in(store: Store) -> list[Parked]:
    """As the tables tell or, while another process has them open, as the ledger does when it is folded.

    What was decided stands in the ledger: the tables take it in when they are next opened.
    """
    with store.ledger() as ledger:
        decided = dropped(ledger, store.chain_id)
        return [replace(each, is_dropped=_place(each) in decided) for each in _parked(store, ledger)]


def _parked(store: Store, ledger: Ledger) -> list[Parked]:
    try:
        with duckdb.connect(str(store.database.resolve()), read_only=True) as connection:
            return read_parked(connection)
    except duckdb.Error:
        final = Tip(ledger, store.chain_id).position()
        if final is None:
            return []
    with (
        tempfile.TemporaryDirectory() as scratch,
        folded(ledger, store.chain_id, final.number, Path(scratch) / "parked.duckdb") as cursor,
    ):
        return read_parked(cursor)


def _place(fact: Parked) -> tuple[int, int]:
    return fact.block, fact.log_index


def _table(facts: list[Parked]) -> Table:
    table = Table("block", "log", "event", "parked because", "")
    for each in facts:
        table.add_row(
            str(each.block), str(each.log_index), each.name, each.reason, "dropped" if each.is_dropped else ""
        )
    return table
