"""`tallystick verify --reputation`: where a reputation is told comes in, whether its receipts bear it out goes out."""

from pathlib import Path

import click
import msgspec
from rich.markup import escape

from receipts.reputation import BadEvidence
from tallystick.cli.session import Session
from tallystick.reputation import Compared, Unreadable, compare, fetch, read

SAME, DIFFERS, WRONG_USE = 0, 1, 2


def recompute(session: Session, told_at: str, as_json: bool) -> int:
    """The exit status: 0 the same, 1 another than its evidence says, 2 there is nothing to compare."""
    try:
        answer = fetch(told_at) if told_at.startswith(("http://", "https://")) else read(Path(told_at))
        compared = compare(answer)
    except Unreadable as fault:
        session.console.print(f"Error: {escape(told_at)}: {escape(str(fault))}", soft_wrap=True)
        return WRONG_USE
    except BadEvidence as fault:
        session.console.print(f"[red]differs[/]: the evidence contradicts itself: {escape(str(fault))}", soft_wrap=True)
        return DIFFERS
    if as_json:
        click.echo(msgspec.json.encode(compared))
    else:
        _show(session, compared)
    return DIFFERS if compared.differences else SAME


def _show(session: Session, compared: Compared) -> None:
    found, print_ = compared.found, session.console.print
    print_(f"{compared.node}: {compared.outcomes} outcomes, {found.standing}, score {found.score}", soft_wrap=True)
    for difference in compared.differences:
        print_(f"[red]differs[/]  {escape(difference)}", soft_wrap=True)
    if not compared.differences:
        print_("[green]the same[/]: every figure follows from the outcomes told with it", soft_wrap=True)
