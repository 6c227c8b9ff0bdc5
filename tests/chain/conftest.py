"""What the tests of this room share: a chain that mines by hand, and nodes that are quick to try again."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from chain.devnet import Devnet, DevnetSettings
from chain.node import Node
from chain.settings import ChainSettings
from tests.chain.lab import Lab, open_lab
from tests.chain.proxy import Proxy


@pytest.fixture
def devnet() -> Iterator[Devnet]:
    with Devnet(DevnetSettings(automine=False)) as chain:
        yield chain


@pytest_asyncio.fixture
async def node(devnet: Devnet) -> AsyncIterator[Node]:
    async with Node(ChainSettings(rpc_url=devnet.url)) as node:
        yield node


@pytest_asyncio.fixture
async def lab(node: Node) -> Lab:
    return await open_lab(node)


@pytest_asyncio.fixture
async def proxy(devnet: Devnet) -> AsyncIterator[Proxy]:
    async with Proxy(devnet.url) as proxy:
        yield proxy
