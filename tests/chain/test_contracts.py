from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chain.contracts import Contracts, Offer
from chain.errors import BadArguments, NoContract, Reverted, UnfitAbi
from chain.node import Node
from chain.settings import ChainSettings
from receipts.deployment import Contract
from tests.network import MODEL_CID, MODEL_ID, Network

OPEN, CLAIMED = 1, 2


@pytest_asyncio.fixture
async def contracts(network: Network) -> AsyncIterator[Contracts]:
    async with Node(ChainSettings(rpc_url=network.url)) as node:
        yield Contracts(node, network.deployment)


async def test_a_job_reads_as_it_was_ordered_and_claimed(network: Network, contracts: Contracts) -> None:
    worker = network.register_worker()
    job_id = network.order("QmPrompt", value=10**15)
    job = await contracts.job(job_id)
    assert (job.status, job.prompt_cid, job.model_id, job.model_cid) == (OPEN, "QmPrompt", MODEL_ID, MODEL_CID)
    assert (job.controller, job.refund_to, job.escrow) == (network.orderer.address, network.orderer.address, 10**15)
    network.transact(worker, "InferenceCoordinator", "claim", job_id)
    claimed = await contracts.job(job_id)
    assert (claimed.status, claimed.worker) == (CLAIMED, worker.address)
    assert claimed.lease_until > 0


async def test_an_older_block_tells_what_was_then(network: Network, contracts: Contracts) -> None:
    before = int(network.rpc("eth_blockNumber"), 16)
    network.order("QmPrompt")
    assert await contracts.job_count() == 1
    assert await contracts.job_count(at=before) == 0
    digest = bytes.fromhex(network.rpc("eth_getBlockByNumber", hex(before), False)["hash"][2:])
    assert await contracts.job_count(at=digest) == 0


async def test_the_books_name_escrow_credit_and_what_covers_them(network: Network, contracts: Contracts) -> None:
    network.order("QmPrompt", value=10**15)
    job_id = network.order("QmOther", value=10**16)
    network.transact(network.orderer, "InferenceCoordinator", "cancel", job_id)
    books = await contracts.books()
    assert (books.open_escrow, books.total_credit, books.balance) == (10**15, 10**16, 10**15 + 10**16)
    assert await contracts.credit_of(network.orderer.address) == 10**16


async def test_nodes_their_offers_and_models_are_read(network: Network, contracts: Contracts) -> None:
    worker = network.register_worker()
    network.transact(worker, "NodeProfileRegistry", "postOffer", MODEL_ID, 5, 7)
    profile = await contracts.node_profile(worker.address)
    assert (profile.max_ram, profile.max_cpu_percent) == (16_384, 90)
    assert profile.stake == await contracts.min_stake()
    assert await contracts.may_claim(worker.address)
    assert not await contracts.may_claim(network.orderer.address)
    assert await contracts.offer(worker.address, MODEL_ID) == Offer(5, 7)
    assert await contracts.offer(worker.address, "another") is None
    assert (await contracts.model_terms(MODEL_ID)).model_cid == MODEL_CID
    assert (await contracts.model(MODEL_ID)).is_active
    assert await contracts.active_models() == [MODEL_ID]


async def test_the_data_of_an_order_is_what_the_contract_takes(network: Network, contracts: Contracts) -> None:
    data = contracts.coordinator.data("submitPrompt", "QmPrompt", MODEL_ID)
    order = {"from": network.orderer.hex, "to": "0x" + contracts.coordinator.address.hex(), "value": hex(10**15)}
    network.mined(network.rpc("eth_sendTransaction", {**order, "data": "0x" + data.hex()}))
    assert (await contracts.job(1)).prompt_cid == "QmPrompt"


async def test_a_refusal_carries_the_contracts_reason(contracts: Contracts) -> None:
    with pytest.raises(Reverted) as refusal:
        await contracts.job(99)
    assert refusal.value.error == "no such job"


async def test_one_refusal_among_many_answers_stands_in_its_place(network: Network, contracts: Contracts) -> None:
    network.order("QmPrompt")
    views = [contracts.coordinator.view("jobOf", number) for number in (1, 2)]
    found, refusal = await contracts.read_each(*views)
    assert found["prompt_cid"] == "QmPrompt"
    assert isinstance(refusal, Reverted)
    with pytest.raises(Reverted, match="no such job"):
        await contracts.read(*views)


async def test_arguments_that_do_not_fit_are_refused_before_anything_is_sent(contracts: Contracts) -> None:
    with pytest.raises(BadArguments, match="jobOf"):
        contracts.coordinator.data("jobOf", -1)
    with pytest.raises(BadArguments, match="submitPrompt"):
        contracts.coordinator.data("submitPrompt", "QmPrompt")


async def test_a_function_that_the_deployment_lacks_is_named(contracts: Contracts) -> None:
    with pytest.raises(UnfitAbi, match="InferenceCoordinator has no function pay"):
        contracts.coordinator.data("pay")


async def test_an_address_without_a_contract_is_named(network: Network) -> None:
    elsewhere = Contract("0x" + "99" * 20, network.deployment.contracts["InferenceCoordinator"].abi)
    network.deployment.contracts["InferenceCoordinator"] = elsewhere
    async with Node(ChainSettings(rpc_url=network.url)) as node:
        with pytest.raises(NoContract, match="9999"):
            await Contracts(node, network.deployment).job_count()
