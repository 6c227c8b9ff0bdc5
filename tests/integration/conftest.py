"""What these tests share: an upstream server, and a house on a chain of the test's own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.domain.conftest import new_postgres_url, postgres_server, postgres_url, sqlite_url
from tests.integration.harness import House, house_on
from tests.network import Network
from tests.worker.upstream import Upstream, serving

__all__ = ["new_postgres_url", "postgres_server", "postgres_url", "sqlite_url"]

DEPTH = 8


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with serving() as upstream:
        yield upstream


@pytest.fixture
def house(network: Network, upstream: Upstream, tmp_path: Path) -> Iterator[House]:
    """A house whose every block is final at once; nothing of it is started."""
    with house_on(network, tmp_path, upstream.url) as house:
        yield house


@pytest.fixture
def deep_house(network: Network, upstream: Upstream, tmp_path: Path) -> Iterator[House]:
    """A house on a chain that is final eight blocks below its head, and has that many to give."""
    network.mine(2 * DEPTH)
    with house_on(network, tmp_path, upstream.url, f"depth:{DEPTH}") as house:
        yield house
