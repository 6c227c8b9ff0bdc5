"""docs/sql.md names every setting of the SQL door with its default, and nothing that is not there."""

import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from api.sql.settings import SqlSettings
from tests.house.test_indexer_page import command_of

PAGE = (Path(__file__).parents[2] / "docs/sql.md").read_text()


@pytest.mark.parametrize("name", [field.name for field in fields(SqlSettings)])
def test_every_setting_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize(("name", "shown"), re.findall(r"`(\w+)` \((\d[\d ]*)\)", PAGE))
def test_the_defaults_on_the_page_are_those_of_the_program(name: str, shown: str) -> None:
    defaults = {field.name: field.default for field in fields(SqlSettings)}
    assert defaults[name] == float(shown.replace(" ", ""))


@pytest.mark.parametrize("words", re.findall(r"tallystick ([a-z][^`\n]*)", PAGE), ids=str)
def test_every_command_and_flag_on_the_page_is_there(words: str) -> None:
    command = command_of(words.split())
    known = {flag for parameter in command.params for flag in parameter.opts}
    assert {word for word in words.split() if word.startswith("--")} <= known
