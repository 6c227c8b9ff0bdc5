"""A deployed network with short periods and small prices; each test begins from it anew."""

from typing import Any

import pytest
from ape.api import AccountAPI
from ape.contracts import ContractInstance
from eth_utils.conversions import to_bytes

from scripts.deploy import deploy
from tests.contracts.notary import Notary
from tests.contracts.terms import MODEL_CID, MODEL_ID, STAKE, TERMS


@pytest.fixture(scope="session")
def owner(accounts: Any) -> AccountAPI:
    return accounts[0]


@pytest.fixture(scope="session")
def controller(accounts: Any) -> AccountAPI:
    return accounts[1]


@pytest.fixture(scope="session")
def stranger(accounts: Any) -> AccountAPI:
    return accounts[6]


@pytest.fixture(scope="session")
def contracts(owner: AccountAPI) -> dict[str, ContractInstance]:
    deployed = deploy(owner, TERMS)
    deployed["ModelRegistry"].registerModel(MODEL_ID, MODEL_CID, "A model", "For tests", sender=owner)
    return deployed


@pytest.fixture(scope="session")
def models(contracts: dict[str, ContractInstance]) -> ContractInstance:
    return contracts["ModelRegistry"]


@pytest.fixture(scope="session")
def nodes(contracts: dict[str, ContractInstance]) -> ContractInstance:
    return contracts["NodeProfileRegistry"]


@pytest.fixture(scope="session")
def coordinator(contracts: dict[str, ContractInstance]) -> ContractInstance:
    return contracts["InferenceCoordinator"]


@pytest.fixture(scope="session")
def worker(accounts: Any, nodes: ContractInstance) -> AccountAPI:
    """A node that may claim."""
    nodes.registerNode(1024, 0, 50, sender=accounts[2], value=STAKE)
    return accounts[2]


@pytest.fixture(scope="session")
def rival(accounts: Any, nodes: ContractInstance) -> AccountAPI:
    """Another node that may claim."""
    nodes.registerNode(1024, 0, 50, sender=accounts[3], value=STAKE)
    return accounts[3]


@pytest.fixture(scope="session")
def notary(coordinator: ContractInstance) -> Notary:
    return Notary(to_bytes(hexstr=coordinator.address))
