"""The functions and events that the network's documentation names, down to the selector."""

import pytest
from ape.contracts import ContractInstance
from eth_utils.crypto import keccak

SELECTORS = {
    "InferenceCoordinator": {
        "submitPrompt(string,string)": "dedc0ddc",
        "submitPromptWithCID(string,string)": "8c76d1ff",
        "submitResponse(uint256,string)": "a7dbf936",
    },
    "ModelRegistry": {
        "registerModel(string,string,string,string)": "c6b959a3",
        "updateModel(string,string)": "7aa632e1",
        "getModel(string)": "fab57404",
        "getAllModels()": "a9a5cb3a",
        "getActiveModels()": "d13413df",
    },
    "NodeProfileRegistry": {
        "registerNode(uint256,uint256,uint256)": "95f78587",
        "deregisterNode()": "18b1c081",
    },
}
TOPICS = {
    "InferenceRequested(uint256,address,string,string,string)": (
        "a435c7963e303c1876ea1b6fe05e6863e506337d044d26114a3c5836cc28a838"
    ),
    "InferenceCompleted(uint256,address,string)": "80034cd029061081a1cbbf31e749ad0d414f50f1cf516c409264579bd15b03d7",
}


@pytest.mark.parametrize("name", SELECTORS)
def test_documented_functions_have_their_documented_selectors(
    contracts: dict[str, ContractInstance], name: str
) -> None:
    found = {each.selector: keccak(text=each.selector)[:4].hex() for each in contracts[name].contract_type.methods}
    assert {signature: found.get(signature) for signature in SELECTORS[name]} == SELECTORS[name]


def test_documented_events_have_their_documented_topics(coordinator: ContractInstance) -> None:
    found = {each.selector: keccak(text=each.selector).hex() for each in coordinator.contract_type.events}
    assert {signature: found.get(signature) for signature in TOPICS} == TOPICS


def test_documented_events_index_the_job_and_its_party(coordinator: ContractInstance) -> None:
    indexed = {
        event.name: [each.name for each in event.inputs if each.indexed] for event in coordinator.contract_type.events
    }
    assert indexed["InferenceRequested"] == ["jobId", "controller"]
    assert indexed["InferenceCompleted"] == ["jobId", "worker"]


def test_the_coordinator_names_the_other_three(contracts: dict[str, ContractInstance]) -> None:
    coordinator = contracts["InferenceCoordinator"]
    assert coordinator.models() == contracts["ModelRegistry"].address
    assert coordinator.nodes() == contracts["NodeProfileRegistry"].address
    assert coordinator.currentVerifier() == contracts["ReceiptVerifier"].address
