"""`tallystick backup`, `restore`, `rebuild`, `digest` and `compare`: what an operator does with what was indexed."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx
import msgspec
from msgspec import Struct
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from domain.ledger import Ledger, Tip
from domain.settings import DomainSettings
from indexer import backup as keeping
from indexer import errands
from indexer.comparing import Found, Seen, first_difference
from indexer.explorer import BlockDigest, DatabaseInUse, Difference, Explorer, digest_of_file
from indexer.explorer import rebuild as rebuild_tables
from indexer.explorer.recomputing import digest_after, digests_of_all
from indexer.settings import IndexerSettings
from receipts import deployment as pins
from tallystick.cli.options import deployment_option, json_option
from tallystick.cli.serving import database_option
from tallystick.cli.session import Session, pass_session
from tallystick.onchain import open_ledger

POLL_S = 0.2
TAKEN_WITHIN_S = 30.0
"""Who does such orders looks for them each half second; at its start it may build older tables anew first."""

TIMEOUT_S = 30.0

Command = TypeVar("Command", bound=Callable[..., Any])


class NothingIndexed(Exception):
    """There is nothing to tell about yet."""


class OtherDown(Exception):
    """The other index does not answer, or not with a digest."""


class Store(Struct, frozen=True):
    """Where a chain's ledger and explorer are."""

    chain_id: int
    coordinator: str
    domain: DomainSettings
    indexer: IndexerSettings

    @property
    def database(self) -> Path:
        return Path(self.indexer.database)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        ledger = open_ledger(self.domain)
        try:
            yield ledger
        finally:
            ledger.close()


def store_options(command: Command) -> Command:
    """--database, --ledger-url and --deployment: whose ledger and tables are meant."""
    ledger_option = click.option("--ledger-url", help="SQLite file or PostgreSQL of the facts [default: .tallystick].")
    return database_option(ledger_option(deployment_option(command)))


def store_of(session: Session, database: str | None, ledger_url: str | None, deployment: Path) -> Store:
    pinned = pins.load(deployment)
    return Store(
        pinned.chain_id,
        pinned.contracts["InferenceCoordinator"].address,
        session.settings(DomainSettings, ledger_url=ledger_url),
        session.settings(IndexerSettings, database=database),
    )


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@store_options
@pass_session
def backup(session: Session, folder: Path, **where: Any) -> None:
    """Copies ledger and tables into the new FOLDER, while everything goes on, and checks the copy by folding it.

    \b
    Example:  tallystick backup backups/monday
    """
    store = store_of(session, **where)
    with store.ledger() as ledger, session.console.status("") as status:
        made = keeping.backup(ledger, store.chain_id, folder, status.update, store.coordinator)
    size = sum(file.bytes for file in made.files)
    session.console.print(f"{folder}: {made.position} facts, final block {made.final}, {size} bytes")
    session.console.print(f"digest {made.digest}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@store_options
@pass_session
def restore(session: Session, folder: Path, **where: Any) -> None:
    """Puts the ledger and tables of a backup where --ledger-url and --database say, if nothing is there.

    \b
    Example:  tallystick restore backups/monday --ledger-url sqlite:///new/ledger.db --database new/explorer.duckdb
    """
    store = store_of(session, **where)
    with session.console.status("") as status:
        made = keeping.restore(folder, store.domain.ledger_url, store.database, status.update)
    session.console.print(
        f"restored {made.position} facts, final block {made.final}; digest {made.digest} as backed up"
    )


@click.command()
@store_options
@pass_session
def rebuild(session: Session, **where: Any) -> None:
    """Builds the tables anew from the ledger beside the live ones, lists what differs, and puts them in place.

    A `serve` or `index` that is running does it itself, and its readers never stop. Exit status 1 if anything differed.

    \b
    Example:  tallystick rebuild
    """
    found = rebuilding(session, store_of(session, **where))
    for each in found:
        session.console.print(f"[red]{each.table} differed[/]: {len(each.only_left)} rows or more")
        for sign, rows in (("-", each.only_left), ("+", each.only_right)):
            for row in rows:
                session.console.print(f"  {sign} {row}", markup=False, soft_wrap=True)
    session.console.print("rebuilt: " + ("nothing differed" if not found else "what differed is mended"))
    sys.exit(1 if found else 0)


def rebuilding(session: Session, store: Store) -> tuple[Difference, ...]:
    """Rebuilds with a bar that shows how far it is; what differed."""
    columns = TextColumn("rebuilding"), BarColumn(), TextColumn("{task.completed} of {task.total} facts")
    with Progress(*columns, TimeRemainingColumn(), console=session.console) as progress:
        task = progress.add_task("", total=None)

        def tell(position: int, of: int) -> None:
            progress.update(task, completed=position, total=of)

        return _rebuilt(store, tell)


def _rebuilt(store: Store, tell: Callable[[int, int], None]) -> tuple[Difference, ...]:
    """By us if the file is free, else by its owner."""
    with store.ledger() as ledger:
        try:
            explorer = Explorer(
                store.database,
                ledger,
                Tip(ledger, store.chain_id),
                coordinator=store.coordinator,
                batch_events=store.indexer.batch_events,
                memory_limit_mib=store.indexer.memory_limit_mib,
                threads=store.indexer.threads,
            )
        except DatabaseInUse:
            return _ordered(store.database, tell)
        try:
            return rebuild_tables(explorer, tell).differences
        finally:
            explorer.close()
            errands.clear(store.database)


def _ordered(database: Path, tell: Callable[[int, int], None]) -> tuple[Difference, ...]:
    errands.order(database)
    until = time.monotonic() + TAKEN_WITHIN_S
    while True:
        errand = errands.read(database)
        if errand and errand.state == "ordered" and time.monotonic() > until:
            errands.clear(database)
            raise click.ClickException(
                f"the process that has {database} open took no order within {TAKEN_WITHIN_S:.0f} s: end it, then "
                "rebuild; `tallystick serve`, and `tallystick index` without --data, do it while they run"
            )
        if errand and errand.state == "failed":
            errands.clear(database)
            raise click.ClickException(f"the rebuild failed: {errand.reason}")
        if errand and errand.state == "done":
            errands.clear(database)
            return errand.differences
        if errand and errand.of:
            tell(errand.position, errand.of)
        time.sleep(POLL_S)


@click.command()
@click.option("--block", type=click.IntRange(0), help="After this final block [default: the newest].")
@store_options
@json_option
@pass_session
def digest(session: Session, block: int | None, as_json: bool, **where: Any) -> None:
    """Tells the fingerprint of all tables after a final block: equal on every machine that indexed the same chain.

    It is read from the tables or, for a block in the past or while another process has them open, found by folding
    the ledger up to it.

    \b
    Example:  tallystick digest --block 1200000
    """
    store = store_of(session, **where)
    found = digest_of_file(store.database, block) or _folded(store, block)
    if as_json:
        click.echo(msgspec.json.encode({"chain_id": store.chain_id, **_told(found)}))
        return
    blocks = f"block {found.number}" if found.upto <= found.number else f"blocks {found.number} to {found.upto}"
    session.console.print(f"chain {store.chain_id}, {blocks}")
    session.console.print(f"digest {found.digest.text}")
    for table in found.digest.tables:
        session.console.print(f"  {table.table:14} {table.rows:>10} rows  {table.sum}")


@click.command()
@click.argument("url")
@store_options
@pass_session
def compare(session: Session, url: str, **where: Any) -> None:
    """Compares what our ledger says with the tables of the node at URL, and names the first block that differs.

    Exit status 0 if both hold the same after the newest block that both have, else 1.

    \b
    Example:  tallystick compare http://other-node:8001
    """
    store = store_of(session, **where)
    with httpx.Client(base_url=url, timeout=TIMEOUT_S) as client, store.ledger() as ledger:
        final = Tip(ledger, store.chain_id).position()
        if final is None:
            raise NothingIndexed(f"nothing of chain {store.chain_id} is indexed here: run `tallystick serve` first")
        there = look(client, final.number)
        if there is None:
            raise OtherDown(
                f"{url} has no digest of block {final.number} or before: it is not level with the chain yet"
            )
        with session.console.status("folding the ledger"), tempfile.TemporaryDirectory() as scratch:
            here = digest_after(ledger, store.chain_id, there.number, Path(scratch) / "one.duckdb")
            if here.digest.text == there.digest:
                session.console.print(f"the same after block {there.number}: {there.digest}")
                return
            every = digests_of_all(ledger, store.chain_id, there.number, Path(scratch) / "each.duckdb")
            found = first_difference([_seen(each) for each in every], lambda number: look(client, number), there)
    session.console.print(f"[red]not the same[/] after block {there.number}: {difference(found)}")
    sys.exit(1)


def difference(found: Found) -> str:
    """Where the two part, in words."""
    tables = ", ".join(found.tables)
    if found.is_exact:
        return f"the first block that differs is {found.differs}, in {tables}"
    since = (
        "from the first block on" if found.agrees is None else f"after block {found.agrees}, the last known the same"
    )
    return f"they differ in block {found.differs} at the latest, {since}, in {tables}"


def look(client: httpx.Client, number: int) -> Seen | None:
    """The digest that the node at the other end has of a block, or of the newest before it. Raises OtherDown."""
    try:
        response = client.get("/explorer/v1/digest", params={"block": number})
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        told = response.raise_for_status().json()["data"]
        return Seen(told["block"], told["digest"], {each["table"]: each["sum"] for each in told["tables"]})
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as fault:
        raise OtherDown(f"{client.base_url}: {fault or type(fault).__name__}; is it a node's API?") from None


def _folded(store: Store, block: int | None) -> BlockDigest:
    with store.ledger() as ledger, tempfile.TemporaryDirectory() as scratch:
        final = Tip(ledger, store.chain_id).position()
        if final is None or (block or 0) > final.number:
            newest = "none" if final is None else final.number
            raise NothingIndexed(f"block {block} is not final here: the newest final block of the ledger is {newest}")
        number = final.number if block is None else block
        return digest_after(ledger, store.chain_id, number, Path(scratch) / "digest.duckdb")


def _seen(found: BlockDigest) -> Seen:
    return Seen(found.number, found.digest.text, {each.table: each.sum for each in found.digest.tables})


def _told(found: BlockDigest) -> dict[str, Any]:
    tables = [msgspec.to_builtins(each) for each in found.digest.tables]
    return {
        "block": found.number,
        "hash": found.hash,
        "upto": found.upto,
        "digest": found.digest.text,
        "tables": tables,
    }
