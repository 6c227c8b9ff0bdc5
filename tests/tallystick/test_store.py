"""Orders to whoever has the tables open: done by who takes them, and never waited for without end."""

from pathlib import Path

import click
import pytest

from indexer import errands
from tallystick.cli import store
from tallystick.cli.session import Session
from tests.simulation.logs import SAMPLE


def test_whose_tables_are_meant_comes_from_flag_environment_file_or_default_in_this_order(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[indexer]\ndatabase = "filed.duckdb"\n')
    environ = {"TALLYSTICK_INDEXER_DATABASE": "named.duckdb"}

    def meant(config: Path | None, environ: dict[str, str], flag: str | None) -> str:
        return str(store.store_of(Session(config, environ, False), flag, None, SAMPLE).database)

    assert meant(None, {}, None) == ".tallystick/explorer.duckdb"
    assert meant(file, {}, None) == "filed.duckdb"
    assert meant(file, environ, None) == "named.duckdb"
    assert meant(file, environ, "flagged.duckdb") == "flagged.duckdb"


def test_an_order_that_nobody_takes_is_given_up_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "TAKEN_WITHIN_S", 0.3)
    database = tmp_path / "explorer.duckdb"
    with pytest.raises(click.ClickException, match="took no order within 0 s: end it, then rebuild"):
        store._ordered(database, lambda *_: None)
    assert errands.read(database) is None, "nobody finds it later"
