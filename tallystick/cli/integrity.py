"""`tallystick integrity`: what was checked of which blocks, as a running API tells it or the file of one at rest."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Column, Table

from api.explorer.soundness_words import range_out, reorg_out, soundness_out
from indexer.explorer.soundness import integrity_of, newest_ranges, opened, read_soundness, reorgs_of
from tallystick.cli.options import api_option, json_option
from tallystick.cli.session import Session, pass_session, run_async
from tallystick.http import answer, connected

RANGES = 20

Told = dict[str, Any]


@click.command()
@click.argument("block", type=click.IntRange(0), required=False)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Instead of the API: the DuckDB file of an index that does not run.",
)
@api_option
@json_option
@pass_session
def integrity(session: Session, block: int | None, file: Path | None, api_url: str, as_json: bool) -> None:
    """Shows how the completeness of blocks was checked: level, checks, providers, time, hashes, doubts and gaps.

    Of the newest ranges of blocks and of all together, or of BLOCK alone. Exit status 1 if there is a gap, or no check
    of BLOCK on record.

    \b
    Example:  tallystick integrity
              tallystick integrity 1200000
              tallystick integrity --file token/events.duckdb
    """
    told = run_async(_asked(api_url, block)) if file is None else _read(file, block)
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        session.console.print(_table(told["ranges"]))
        for line in _lines(told):
            session.console.print(line, markup=False, soft_wrap=True)
    sys.exit(0 if told["ranges"] and (told["summary"] is None or told["summary"]["is_whole"]) else 1)


async def _asked(api_url: str, block: int | None) -> Told:
    async with connected(api_url) as api:
        if block is not None:
            detail = answer(await api.get(f"/explorer/v1/blocks/{block}")).json()["data"]
            return _told([detail["integrity"]] if detail["integrity"] else [], reorgs=detail["reorgs"])
        page = answer(await api.get("/explorer/v1/integrity", params={"limit": RANGES})).json()
        return _told(page["data"], page["summary"])


def _read(file: Path, block: int | None) -> Told:
    with opened(file) as tables:
        if block is not None:
            found = integrity_of(tables, block)
            reorgs = [msgspec.to_builtins(reorg_out(each)) for each in reorgs_of(tables, block)]
            return _told([msgspec.to_builtins(range_out(found))] if found else [], reorgs=reorgs)
        ranges = [msgspec.to_builtins(range_out(each)) for each in newest_ranges(tables, RANGES)]
        return _told(ranges, msgspec.to_builtins(soundness_out(read_soundness(tables))))


def _told(ranges: list[Told], summary: Told | None = None, reorgs: Iterable[Told] = ()) -> Told:
    return {"ranges": ranges, "summary": summary, "reorgs": list(reorgs)}


def _table(ranges: list[Told]) -> Table:
    ending = Column("ends with", overflow="fold")
    table = Table("blocks", "level", "checks", "providers", "checked at", ending, "doubts")
    for each in ranges:
        blocks, checks = f"{each['first']} to {each['last']}", ", ".join(each["checks"])
        hashed = f"{each['last_hash'][:18]}\u2026"
        table.add_row(
            blocks, each["level"], checks, each["provider"], each["checked_at"], hashed, "\n".join(each["doubts"])
        )
    return table


def _lines(told: Told) -> Iterable[str]:
    """What a table of ranges does not show: all of them together, and what stood in the place of a block before."""
    if not told["ranges"]:
        yield "no check is on record"
    for each in told["reorgs"]:
        yield f"reorganisation {each['reorg']}, {each['seen_at']}: {each['depth']} blocks from {each['from_number']} on"
    if (summary := told["summary"]) is None:
        return
    levels = ", ".join(f"{each['blocks']} blocks at level {each['level']}" for each in summary["levels"]) or "nothing"
    yield f"checked are {levels}; {summary['open']} final blocks are in a range that is not closed yet"
    yield f"{summary['doubts']} ranges name doubts; " + ("no gap" if summary["is_whole"] else "gaps:")
    for gap in summary["gaps"]:
        yield f"  blocks {gap['first']} to {gap['last']}: {gap['reason']}"
