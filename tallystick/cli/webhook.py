"""`tallystick webhook`: the operator's orders about webhooks go to the API with the operator's token."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import httpx
from rich.table import Table

from api.operator import SCHEME
from api.settings import ApiSettings
from tallystick.cli.options import api_option
from tallystick.cli.session import Session, pass_session, run_async
from tallystick.http import answer, connected

PATH = "/explorer/v1/webhooks"


@click.group()
def webhook() -> None:
    """Delivers what changes in the index to addresses of yours, signed; needs the operator's token ([api]).

    \b
    Example:  tallystick webhook add https://hooks.example/tally --topic jobs --topic receipts
              tallystick webhook list
    """


@webhook.command("list")
@api_option
@pass_session
def list_(session: Session, api_url: str) -> None:
    """All webhooks, with why one is disabled.

    \b
    Example:  tallystick webhook list
    """
    table = Table("id", "address", "topics", "at", "state")
    for each in _asked(session, api_url, lambda api: api.get(PATH)):
        state = "enabled" if each["is_enabled"] else f"disabled: {each['reason']}"
        table.add_row(each["id"], each["url"], " ".join(each["topics"]), each["finality"], state)
    session.console.print(table)


@webhook.command()
@click.argument("url")
@click.option("--topic", "topics", multiple=True, required=True, help="blocks, jobs, receipts, job:12, address:0x...")
@click.option("--instant", is_flag=True, help="Deliver at once, with retractions, not only when it is final.")
@api_option
@pass_session
def add(session: Session, url: str, topics: tuple[str, ...], instant: bool, api_url: str) -> None:
    """Delivers what happens of the topics to URL from now on, and shows the secret that signs it, once.

    \b
    Example:  tallystick webhook add https://hooks.example/tally --topic jobs --topic receipts
    """
    wish = {"url": url, "topics": topics, "finality": "instant" if instant else "finalized"}
    made = _asked(session, api_url, lambda api: api.post(PATH, json=wish))
    click.echo(f"webhook {made['webhook']['id']}\nsecret  {made['secret']}  (shown this once)")


@webhook.command()
@click.argument("webhook_id")
@api_option
@pass_session
def remove(session: Session, webhook_id: str, api_url: str) -> None:
    """Delivers nothing more to WEBHOOK_ID, and forgets what was.

    \b
    Example:  tallystick webhook remove ep_0123456789abcdef
    """
    _asked(session, api_url, lambda api: api.delete(f"{PATH}/{webhook_id}"))
    click.echo(f"removed {webhook_id}")


@webhook.command()
@click.argument("webhook_id")
@api_option
@pass_session
def resend(session: Session, webhook_id: str, api_url: str) -> None:
    """Enables WEBHOOK_ID if it is disabled, and sends again what was given up.

    \b
    Example:  tallystick webhook resend ep_0123456789abcdef
    """

    async def act(api: httpx.AsyncClient) -> httpx.Response:
        answer(await api.post(f"{PATH}/{webhook_id}/enable"))
        return await api.post(f"{PATH}/{webhook_id}/resend")

    click.echo(f"{_asked(session, api_url, act)['resent']} deliveries are sent again")


def _asked(session: Session, api_url: str, ask: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]) -> Any:
    settings = session.settings(ApiSettings)
    token = settings.operator_token
    if settings.operator_token_file:
        token = Path(settings.operator_token_file).read_text().strip()

    async def run() -> Any:
        async with connected(api_url) as api:
            api.headers["authorization"] = SCHEME + token
            response = answer(await ask(api))
            return response.json() if response.content else None

    return run_async(run())
