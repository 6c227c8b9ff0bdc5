"""docs/indexer.md names what there is: every setting, command and flag of the indexer, and none that is not."""

import re
from pathlib import Path

import click
import pytest
from msgspec.structs import fields

from chain.settings import ChainSettings, ProviderSettings
from indexer.settings import IndexerSettings
from tallystick.cli import COMMANDS, main
from tallystick.solo.subject import Contract

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/indexer.md").read_text()
OF_THE_INDEXER = (
    "index", "serve", "status", "integrity", "digest", "compare", "backup", "restore", "rebuild", "parked",
)  # fmt: skip
SETTINGS = [field.name for kind in (ChainSettings, ProviderSettings, IndexerSettings) for field in fields(kind)]


def named_commands() -> list[list[str]]:
    """What follows `tallystick` in code, up to the end of the code or line."""
    return [found.split() for found in re.findall(r"tallystick ([a-z][^`\n]*)", PAGE.replace("\\\n", " "))]


def command_of(words: list[str]) -> click.Command:
    found: click.Command = main
    with click.Context(main) as context:
        for word in words:
            if isinstance(found, click.Group) and not word.startswith("-"):
                inner = found.get_command(context, word)
                assert inner is not None, (
                    f"docs/indexer.md names `tallystick {' '.join(words)}`: there is no such command"
                )
                found = inner
    return found


@pytest.mark.parametrize("name", sorted(set(SETTINGS)))
def test_every_setting_is_on_the_page(name: str) -> None:
    assert re.search(rf"\b{name}\b", PAGE), f"docs/indexer.md does not say what {name} is"


@pytest.mark.parametrize("name", OF_THE_INDEXER)
def test_every_command_of_the_indexer_is_on_the_page(name: str) -> None:
    assert name in COMMANDS
    assert f"tallystick {name}" in PAGE


@pytest.mark.parametrize("words", named_commands(), ids=" ".join)
def test_every_command_and_flag_on_the_page_is_there(words: list[str]) -> None:
    command = command_of(words)
    known = {flag for parameter in command.params for flag in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_every_flag_of_index_is_explained_by_its_help_and_those_on_the_page_exist() -> None:
    command = command_of(["index"])
    assert all(getattr(parameter, "help", None) for parameter in command.params)
    known = {flag for name in COMMANDS for parameter in command_of([name]).params for flag in parameter.opts}
    assert set(re.findall(r"`(--[a-z-]+)", PAGE)) <= known


def test_the_tables_named_for_any_contract_are_those_that_are_made() -> None:
    from indexer.events.schema import OFFCHAIN, RAW_LOGS, statements

    assert Contract(b"", []).events == []
    made = set(re.findall(r"CREATE VIEW main\.\"?(\w+)", "\n".join(statements(()))))
    assert made == {"events", RAW_LOGS.name, "blocks", *(table.name for table in OFFCHAIN)}
    assert all(f"`{name}`" in PAGE for name in made)
