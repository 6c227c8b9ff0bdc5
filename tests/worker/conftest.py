"""What the tests of this room share: an upstream server, and a network for workers to work on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.network import Network
from tests.worker.lab import Lab
from tests.worker.upstream import Upstream, serving


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with serving() as upstream:
        yield upstream


@pytest_asyncio.fixture
async def lab(network: Network, upstream: Upstream, tmp_path: Path) -> Lab:
    return Lab(network, tmp_path, upstream.url)
