"""`tallystick ask` and `quote`: a question goes to the network's API, what it says comes out on a terminal."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from tallystick.amounts import show_wei
from tallystick.asking import Question, Told, follow, order, result
from tallystick.cli.options import AMOUNT, api_option, json_option
from tallystick.cli.session import Session, pass_session, run_async
from tallystick.http import answer, connected

UNCLAIMED_S = 10.0
UNCLAIMED = (
    "no worker has claimed the job yet: `tallystick status` shows whether one is there. Ctrl-C stops waiting, the"
    " order stands"
)


@click.command()
@click.argument("prompt", required=False)
@click.option("--model", help="Model to ask [default: the API's].")
@click.option("--max-tokens", type=click.IntRange(1), help="Most tokens of the answer.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="0 answers the same each time.")
@click.option("--seed", type=click.IntRange(0), help="Makes a temperature above 0 repeatable.")
@click.option("--value", type=AMOUNT, help="The most it may cost, such as 0.001eth [default: what the quote says].")
@click.option("--evidence", type=click.Path(dir_okay=False, path_type=Path), help="Save the evidence bundle here.")
@api_option
@json_option
@pass_session
def ask(
    session: Session, prompt: str | None, value: int | None, evidence: Path | None, api_url: str, as_json: bool,
    **wishes: Any,
) -> None:  # fmt: skip
    """Asks PROMPT (or standard input), streams the answer, and waits for its receipt.

    Exit status 0 only when the receipt was verified on chain.

    \b
    Example:  tallystick ask "Why is the sky blue?" --max-tokens 60 --evidence sky.json
              echo "Say hello" | tallystick ask --json
    """
    text = _utf8(sys.stdin.buffer.read() if prompt is None else os.fsencode(prompt))

    async def run() -> tuple[dict[str, Any], bytes | None]:
        async with connected(api_url) as api:
            placed = await order(api, Question(text, value=None if value is None else str(value), **wishes))
            patience = asyncio.get_running_loop().call_later(UNCLAIMED_S, click.echo, UNCLAIMED, None, True, True)
            async for told in follow(api, placed["job_id"]):
                if told.name != "queued":
                    patience.cancel()
                if not as_json:
                    _show(told)
            outcome = await result(api, placed["job_id"])
            wanted = evidence is not None and outcome["state"] == "settled"
            return outcome, answer(await api.get(placed["links"]["evidence"])).content if wanted else None

    outcome, bundle = run_async(run())
    if evidence is not None and bundle is not None:
        evidence.write_bytes(bundle)
    if as_json:
        click.echo(msgspec.json.encode(outcome))
    else:
        _sum_up(session, outcome)
    sys.exit(0 if (outcome["receipt"] or {}).get("state") == "verified" else 1)


@click.command()
@click.option("--model", help="Model to ask [default: the API's].")
@click.option("--prompt-tokens", type=click.IntRange(0), default=50, show_default=True, help="Length of the prompt.")
@click.option("--max-tokens", type=click.IntRange(1), help="Most tokens of the answer.")
@api_option
@json_option
@pass_session
def quote(session: Session, api_url: str, as_json: bool, **asked: Any) -> None:
    """The most that such an order may cost; what is not used comes back.

    \b
    Example:  tallystick quote --prompt-tokens 200 --max-tokens 300
    """
    wanted = {name: value for name, value in asked.items() if value is not None}

    async def run() -> dict[str, Any]:
        async with connected(api_url) as api:
            quoted: dict[str, Any] = answer(await api.get("/v1/quote", params=wanted)).json()
            return quoted

    quoted = run_async(run())
    if as_json:
        click.echo(msgspec.json.encode(quoted))
        return
    amount, prompt_price, completion_price = (
        show_wei(int(quoted[name])) for name in ("amount", "price_prompt_token", "price_completion_token")
    )
    tokens = f"{quoted['prompt_tokens']} + {quoted['max_tokens']} tokens of {quoted['model']}"
    session.console.print(f"at most [bold]{amount}[/] for {tokens} ({prompt_price} and {completion_price} a token)")
    if quoted["advice"]:
        floor = show_wei(int(quoted["gas"]["floor"]))
        session.console.print(f"[red]no worker would take it[/]: its gas costs {floor}. {quoted['advice']}")


def _utf8(prompt: bytes) -> str:
    """What the terminal or a pipe gave us, as text. Raises click's UsageError for what is none."""
    try:
        return prompt.decode()
    except UnicodeDecodeError as fault:
        raise click.UsageError(f"the prompt is not UTF-8 (byte {fault.start}): give text in UTF-8") from None


def _show(told: Told) -> None:
    """The answer's text to standard output, what happens around it to standard error."""
    if told.name == "token":
        click.echo(told.data["text"], nl=False)
    elif told.name == "retract" and "token" in told.data.get("names", []):
        click.echo("\n[taken back: the worker lost the job; another answers]", err=True)
    elif told.name == "answered":
        click.echo()
    elif told.name == "failed":
        click.echo(f"failed: {told.data.get('reason', 'no reason given')}", err=True)


def _sum_up(session: Session, outcome: dict[str, Any]) -> None:
    receipt = outcome["receipt"]
    if not receipt or receipt["state"] != "verified":
        state = receipt["state"] if receipt else outcome["state"]
        session.console.print(f"[red]no verified receipt[/]: {state}", soft_wrap=True)
        return
    tokens = f"{receipt['prompt_tokens']} + {receipt['completion_tokens']} tokens"
    session.console.print(
        f"[green]verified[/] job {outcome['job_id']}: {tokens}, {show_wei(int(receipt['amount']))}, "
        f"gas {receipt['gas_used']}, transaction {receipt['tx_hash']}",
        soft_wrap=True,
    )
