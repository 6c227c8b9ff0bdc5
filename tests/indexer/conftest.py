"""A ledger, its tip and an explorer over both, in a folder of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.indexer.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Place(tmp_path) as place:
        yield place
