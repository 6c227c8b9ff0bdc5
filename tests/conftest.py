"""What every room's tests may ask for: a development chain with the contracts on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network import Network, deployed, running

SERVERS = frozenset({"network", "deployed_state", "house", "deep_house", "devnet", "url", "lab", "town"})
"""Fixtures that start a chain or a server for each test."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs a server, so that the quick loop can leave it out."""
    for item in items:
        if isinstance(item, pytest.Function) and SERVERS & set(item.fixturenames):
            item.add_marker("served")


@pytest.fixture(scope="session")
def deployed_state() -> Path:
    """The folder with state.json and deployment.json of a freshly deployed network: deployed once, then kept."""
    return deployed()


@pytest.fixture
def network(deployed_state: Path) -> Iterator[Network]:
    """A chain of the test's own with the contracts, one model, and no node registered."""
    with running(deployed_state) as network:
        yield network
