"""Logs become facts by name; what does not fit becomes a fact that says so."""

from typing import Any, get_args

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from chain.abi import signature_hash, snake_case
from chain.decoding import COUNT_MAX, Decoder
from chain.errors import UnfitAbi
from chain.integrity import Log
from domain.facts import ChainFact, JobCompleted, LogUnreadable, ModelRegistered, NodeRegistered, Wei
from receipts.deployment import Deployment, load
from tests.chain.lab import event

OURS, OTHERS = b"\x01" * 20, b"\x02" * 20
WORKER = b"\xaa" * 20
COMPLETED = event(
    "InferenceCompleted", ("jobId", "uint256", True), ("worker", "address", True), ("responseCID", "string", False)
)
REGISTERED = event(
    "NodeRegistered",
    ("node", "address", True),
    ("maxRAM", "uint256", False),
    ("maxVRAM", "uint256", False),
    ("maxCPUPercent", "uint256", False),
    ("stake", "uint256", False),
)
MODEL = event(
    "ModelRegistered",
    ("modelKey", "bytes32", True),
    ("modelId", "string", False),
    ("modelCID", "string", False),
    ("name", "string", False),
    ("description", "string", False),
)
TRANSFERRED = event("OwnershipTransferred", ("owner", "address", True))
DECODER = Decoder([(OURS, [COMPLETED, REGISTERED, MODEL, TRANSFERRED])])


def log_of(abi: dict[str, Any], *values: Any, contract: bytes = OURS) -> Log:
    """The log that a contract would write, encoded by a library that is not ours."""
    pairs = list(zip(abi["inputs"], values, strict=True))
    topics = [encode([each["type"]], [value]) for each, value in pairs if each["indexed"]]
    plain = [(each["type"], value) for each, value in pairs if not each["indexed"]]
    data = encode([kind for kind, _ in plain], [value for _, value in plain])
    return Log(contract, (signature_hash(abi), *topics), data, tx_index=3, log_index=9)


def fact_of(log: Log) -> Any:
    occurrence = DECODER.occurrence(log)
    assert occurrence is not None
    return occurrence.fact


def completed(data: bytes, topics: int = 3) -> Log:
    words = (signature_hash(COMPLETED), (7).to_bytes(32, "big"), WORKER.rjust(32, b"\0"))
    return Log(OURS, words[:topics], data, 0, 0)


def test_every_event_of_the_contracts_that_a_fact_is_named_after_decodes(deployed_state: Any) -> None:
    deployment = load(deployed_state / "deployment.json")
    Decoder.of(deployment)
    decodable = set(get_args(ChainFact)) - {LogUnreadable}
    assert {kind for kind in decodable if not emitted(deployment, kind)} == set()


def emitted(deployment: Deployment, kind: type) -> bool:
    renamed = {"JobRequested": "InferenceRequested", "JobCompleted": "InferenceCompleted"}
    name = renamed.get(kind.__name__, kind.__name__)
    entries = [each for contract in deployment.contracts.values() for each in contract.abi]
    arguments = [{snake_case(i["name"]) for i in each["inputs"]} for each in entries if each.get("name") == name]
    return any({field.name for field in fields(kind)} <= names for names in arguments)


def test_a_fact_stands_at_the_place_of_its_log() -> None:
    occurrence = DECODER.occurrence(log_of(COMPLETED, 7, WORKER, "QmAnswer"))
    assert occurrence is not None
    assert occurrence.fact == JobCompleted(7, WORKER, "QmAnswer")
    assert (occurrence.contract, occurrence.tx_index, occurrence.log_index) == (OURS, 3, 9)


@settings(max_examples=60)
@given(st.lists(st.text(max_size=70), min_size=4, max_size=4))
def test_any_text_is_read_as_it_was_written(texts: list[str]) -> None:
    assert fact_of(log_of(MODEL, b"\x05" * 32, *texts)) == ModelRegistered(*texts)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2**256 - 1), min_size=4, max_size=4))
def test_amounts_are_exact_and_counts_end_at_63_bits(numbers: list[int]) -> None:
    ram, vram, cpu = [min(each, COUNT_MAX) for each in numbers[:3]]
    assert fact_of(log_of(REGISTERED, WORKER, *numbers)) == NodeRegistered(WORKER, ram, vram, cpu, Wei(numbers[3]))


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_no_bytes_can_make_it_fail(data: bytes) -> None:
    assert isinstance(fact_of(completed(data)), JobCompleted | LogUnreadable)


def test_text_that_is_not_utf8_keeps_its_bytes_in_sight() -> None:
    data = encode(["bytes"], [b"Qm\xff\xfe"])
    assert fact_of(completed(data)) == JobCompleted(7, WORKER, "Qm\\xff\\xfe")


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (completed(b""), "0 bytes of data are too few"),
        (completed(encode(["string"], ["QmAnswer"])[:40]), "an argument ends at"),
        (completed((2**255).to_bytes(32, "big")), "an argument ends at"),
        (completed((32).to_bytes(32, "big") + (2**200).to_bytes(32, "big")), "an argument ends at"),
        (completed(encode(["string"], ["QmAnswer"]), topics=2), "2 topics instead of 3"),
    ],
)
def test_a_log_that_does_not_fit_its_abi_is_kept_with_the_reason(log: Log, reason: str) -> None:
    fact = fact_of(log)
    assert isinstance(fact, LogUnreadable)
    assert (fact.event, fact.topics, fact.data) == ("InferenceCompleted", log.topics, log.data)
    assert reason in fact.reason


def test_a_word_that_is_no_address_is_not_cut_to_one() -> None:
    log = completed(encode(["string"], ["QmAnswer"]))
    fact = fact_of(Log(OURS, (*log.topics[:2], b"\x01" + log.topics[2][1:]), log.data, 0, 0))
    assert isinstance(fact, LogUnreadable)
    assert "is not an address" in fact.reason


def test_an_event_that_the_abi_lacks_is_kept_as_unreadable() -> None:
    fact = fact_of(Log(OURS, (b"\x99" * 32,), b"", 0, 0))
    assert isinstance(fact, LogUnreadable)
    assert "names no event" in fact.reason
    assert isinstance(fact_of(Log(OURS, (), b"", 0, 0)), LogUnreadable)


def test_logs_of_others_and_events_that_no_fact_is_named_after_are_none_of_ours() -> None:
    assert DECODER.occurrence(log_of(COMPLETED, 7, WORKER, "QmAnswer", contract=OTHERS)) is None
    assert DECODER.occurrence(log_of(TRANSFERRED, WORKER)) is None


@pytest.mark.parametrize(
    ("abi", "said"),
    [
        (event("JobClaimed", ("jobId", "uint256", True)), "no argument for JobClaimed.worker"),
        (
            event("OfferWithdrawn", ("node", "address", True), ("modelId", "bytes32", False)),
            "argument modelId is bytes32, the fact wants str",
        ),
        (
            event("OfferWithdrawn", ("node", "address[2]", False), ("modelId", "string", False)),
            "no fact holds such a value",
        ),
    ],
)
def test_a_deployment_of_another_version_is_refused_at_once(abi: dict[str, Any], said: str) -> None:
    with pytest.raises(UnfitAbi) as refusal:
        Decoder([(OURS, [abi])])
    assert said in str(refusal.value)
