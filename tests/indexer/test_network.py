"""A real chain with the contracts on it: what happened there is in the rows, and the books are the contracts' own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from chain.contracts import Contracts
from chain.following import Follower
from chain.node import Node
from chain.settings import ChainSettings
from indexer.explorer import Queries, holds
from indexer.following import Indexer
from indexer.integrity import Checks
from tests.indexer.place import CHAIN_ID, Place
from tests.network import Network
from tests.receipts.settled import settle

T = TypeVar("T")
SHOWN_WITHIN_S = 60


@asynccontextmanager
async def following(network: Network, place: Place, finality: str) -> AsyncIterator[Node]:
    """An indexer at work between a real node and `place`."""
    settings = ChainSettings(rpc_url=network.url, ws_url=network.ws_url, finality=finality, stale_after_s=0.2)
    async with Node(settings) as node:
        follower = Follower.of(node, network.deployment, place.tip.position(), place.tip.blocks())
        checks = Checks(place.ledger, CHAIN_ID, network.url)
        async with aclosing(follower.news()) as news:
            task = asyncio.create_task(Indexer(place.ledger, place.tip, place.explorer, checks).run(news))
            try:
                yield node
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def shown(place: Place, found: Callable[[Queries], T | None]) -> T:
    answer = await place.explorer.wait_for_async(found, SHOWN_WITHIN_S)
    assert answer
    return answer


def head_of(network: Network) -> int:
    return int(network.rpc("eth_blockNumber"), 16)


@pytest.mark.slow
@pytest.mark.parametrize("finality", ["depth:0", "depth:3"])
async def test_a_real_job_arrives_in_rows_and_the_books_are_the_contracts_own(
    network: Network, tmp_path: Path, finality: str
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    loaded = head_of(network)  # anvil has no state of the blocks that it loaded from a file
    with Place(tmp_path / "place") as place:
        async with following(network, place, finality) as node:
            settled = await asyncio.to_thread(settle, network, model)
            network.transact(network.orderer, "InferenceCoordinator", "cancel", 3)
            last = network.transact(network.workers[0], "InferenceCoordinator", "withdraw")
            await shown(place, holds(last["transactionHash"]))
            await _assert_rows_tell_the_job(place, settled.bundle.receipt.commitment)
            contracts = Contracts(node, network.deployment)
            rows = place.explorer.queries.reconciliation(limit=1000).rows
            assert rows[0].block == head_of(network)
            assert all(row.open_escrow == row.credit == 0 for row in rows if row.block <= loaded)
            for row in (row for row in rows if row.block > loaded):
                books = await contracts.books(at=row.block)
                assert (row.open_escrow, row.credit) == (books.open_escrow, books.total_credit)
                assert books.balance >= row.open_escrow + row.credit
            assert rows[0].stakes == network.call("NodeProfileRegistry", "totalStake")
            for account in place.explorer.queries.accounts().rows:
                credit = network.call("InferenceCoordinator", "creditOf", account.address)
                assert account.credit == credit
        assert place.explorer.queries.parked().rows == ()


async def _assert_rows_tell_the_job(place: Place, commitment: str) -> None:
    queries = place.explorer.queries
    job, receipt = queries.job(1), queries.receipt(1)
    assert job
    assert receipt
    assert (job.state, receipt.state, receipt.reason) == ("settled", "verified", None)
    assert receipt.commitment == commitment
    assert (job.amount or 0) + (job.refund or 0) == job.escrow
    cancelled = queries.job(3)
    assert cancelled
    assert cancelled.state == "cancelled"
    (node,) = queries.nodes().rows
    assert (node.settled, node.earned, node.claims) == (1, job.amount, 1)


@pytest.mark.slow
async def test_a_job_of_a_reorganised_block_is_gone_and_the_reorg_on_record(network: Network, tmp_path: Path) -> None:
    with Place(tmp_path) as place:
        async with following(network, place, "depth:8"):
            kept = await asyncio.to_thread(network.order, "QmKept")
            await shown(place, lambda queries: queries.job(kept))
            snapshot = network.rpc("evm_snapshot")
            dropped = await asyncio.to_thread(network.order, "QmDropped")
            job = await shown(place, lambda queries: queries.job(dropped))
            assert not job.is_final
            network.rpc("evm_revert", snapshot)
            network.jump(5)
            network.mine()
            (reorg,) = await shown(place, lambda queries: queries.reorgs().rows)
            assert reorg.rows > 0
            assert place.explorer.queries.job(dropped) is None
            assert place.explorer.queries.job(kept)
            again = await asyncio.to_thread(network.order, "QmOther")
            assert again == dropped
            replaced = await shown(place, lambda queries: queries.job(dropped))
            assert replaced.prompt_cid == "QmOther"
            network.mine(9)
            await shown(place, lambda queries: queries.head().final >= replaced.block)
            final = place.explorer.queries.job(dropped)
            assert final
            assert final.is_final
        digest = place.chain_digest()
        upto = place.explorer.head().final
    with Place(tmp_path / "fresh") as fresh:
        async with following(network, fresh, f"depth:{head_of(network) - upto}"):
            await shown(fresh, lambda queries: queries.head().final >= upto)
        assert fresh.chain_digest() == digest
