"""Orders to whoever has the tables open: done by who takes them, and never waited for without end."""

from pathlib import Path

import click
import pytest

from indexer import errands
from tallystick.cli import store


def test_an_order_that_nobody_takes_is_given_up_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "TAKEN_WITHIN_S", 0.3)
    database = tmp_path / "explorer.duckdb"
    with pytest.raises(click.ClickException, match="took no order within 0 s: end it, then rebuild"):
        store._ordered(database, lambda *_: None)
    assert errands.read(database) is None, "nobody finds it later"
