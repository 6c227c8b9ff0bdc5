"""The command line: words of a person come in, calls of the rooms go out, and every error is one plain sentence."""

import os
import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

import click

from tallystick.cli.errors import told
from tallystick.cli.session import Session

COMMANDS = {
    "demo": ("tallystick.cli.network", "demo"),
    "up": ("tallystick.cli.network", "up"),
    "deploy": ("tallystick.cli.network", "deploy"),
    "index": ("tallystick.cli.indexing", "index"),
    "serve": ("tallystick.cli.serving", "serve"),
    "work": ("tallystick.cli.working", "work"),
    "ask": ("tallystick.cli.asking", "ask"),
    "quote": ("tallystick.cli.asking", "quote"),
    "status": ("tallystick.cli.status", "status"),
    "verify": ("tallystick.cli.verifying", "verify"),
    "backup": ("tallystick.cli.store", "backup"),
    "export": ("tallystick.cli.export", "export"),
    "restore": ("tallystick.cli.store", "restore"),
    "rebuild": ("tallystick.cli.store", "rebuild"),
    "parked": ("tallystick.cli.parked", "parked"),
    "integrity": ("tallystick.cli.integrity", "integrity"),
    "digest": ("tallystick.cli.store", "digest"),
    "compare": ("tallystick.cli.store", "compare"),
    "ceremony": ("tallystick.cli.ceremony", "ceremony"),
    "doctor": ("tallystick.cli.doctor", "doctor"),
    "node": ("tallystick.cli.node", "node"),
    "model": ("tallystick.cli.model", "model"),
    "token": ("tallystick.cli.token", "token"),
    "wallet": ("tallystick.cli.wallet", "wallet"),
    "webhook": ("tallystick.cli.webhook", "webhook"),
}


class LazyGroup(click.Group):
    """Imports a command's module when it is called: `tallystick ask` need not load DuckDB."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(f"{error.message} {suggestion(args[0])}", ctx) from None


def suggestion(word: str) -> str:
    """A sentence that helps someone who mistyped a command."""
    close = get_close_matches(word, COMMANDS, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(COMMANDS)}."


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--config", type=click.Path(path_type=Path), help="TOML file of settings [default: tallystick.toml here]."
)
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
@click.version_option(package_name="tallystick", prog_name="tallystick")
@click.pass_context
def main(ctx: click.Context, config: Path | None, debug: bool) -> None:
    """Tallystick: a decentralised inference network whose every answer comes with a receipt that anyone can check.

    Every setting is a flag, an environment variable (TALLYSTICK_CHAIN_RPC_URL) or a line of one TOML file
    ([chain] rpc_url = "..."), in this order of precedence.

    \b
    Start here:  tallystick doctor     what this machine has and lacks
                 tallystick demo       one prompt's whole way, for real
                 tallystick up         the whole network, until Ctrl-C
    """
    ctx.obj = Session(config, os.environ, debug)


def run() -> None:
    """Entry point of the installed command: like `main`, with every known error as one sentence on standard error."""
    try:
        main(standalone_mode=False)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        click.echo(f"Error: {told(error)}", err=True)
        sys.exit(1)
