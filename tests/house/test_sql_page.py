"""docs/sql.md names every setting of the SQL door with its default, and nothing that is not there."""

import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from api.sql.settings import SqlSettings

PAGE = (Path(__file__).parents[2] / "docs/sql.md").read_text()


@pytest.mark.parametrize("name", [field.name for field in fields(SqlSettings)])
def test_every_setting_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize(("name", "shown"), re.findall(r"`(\w+)` \((\d[\d ]*)\)", PAGE))
def test_the_defaults_on_the_page_are_those_of_the_program(name: str, shown: str) -> None:
    defaults = {field.name: field.default for field in fields(SqlSettings)}
    assert defaults[name] == float(shown.replace(" ", ""))
