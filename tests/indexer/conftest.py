"""A ledger, its tip and an explorer over both, in a folder of the test's own; and databases for other ledgers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.domain.conftest import new_postgres_url, postgres_server, postgres_url, sqlite_url, url
from tests.indexer.place import Place

__all__ = ["new_postgres_url", "postgres_server", "postgres_url", "sqlite_url", "url"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Place(tmp_path) as place:
        yield place
