"""A bundle is verified only if everything in it holds and a block hash anchors it; any change makes it fail.

The sample and the ways to spoil it are in `bundles`, which the verifier in JavaScript is judged by as well.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from receipts.canonical import encode, to_bytes
from receipts.content.unixfs import cid_of
from receipts.deployment import Deployment
from receipts.document import sign
from receipts.evidence import Bundle, Payload, encode_bundle, to_payload
from receipts.oracle import verify_slowly
from receipts.tokens import tokenizer_in
from receipts.verification import Verdict, verify_bundle
from tests.network import WORKERS
from tests.receipts.bundles import (
    BLOCK_HASH,
    BUNDLE,
    DATA,
    LIES,
    NO_BUNDLES,
    PAYLOADS,
    PINS,
    UNSETTLED,
    changed_at,
    negated_a,
    resigned,
    variants,
)
from tests.receipts.documents import wallet
from tests.receipts.settled import STORED


def judged(bundle: Bundle, **how: Any) -> Verdict:
    return verify_bundle(encode_bundle(bundle), PINS, **{"block_hash": BLOCK_HASH, **how})


def failed_step(verdict: Verdict) -> str:
    assert verdict.outcome == "failed"
    assert verdict.exit_code == 1
    assert verdict.failure is verdict.steps[-1]
    assert verdict.failure.detail
    return verdict.failure.name


def test_a_settled_job_is_verified_by_its_block_s_hash() -> None:
    verdict = verify_bundle(DATA, PINS, block_hash=BLOCK_HASH, tokenizer_of=tokenizer_in(STORED / "model"))
    assert (verdict.outcome, verdict.exit_code, verdict.failure) == ("verified", 0, None)
    assert [step.name for step in verdict.steps if step.passed] == [
        "encoding", "pins", "content", "tokens", "signature", "commitment", "proof", "terms", "settlement", "anchor",
    ]  # fmt: skip


def test_a_chain_that_knows_the_block_anchors_it_too() -> None:
    asked: list[int] = []

    def block_hash_at(number: int) -> bytes:
        asked.append(number)
        return BLOCK_HASH

    assert verify_bundle(DATA, PINS, block_hash_at=block_hash_at).outcome == "verified"
    assert asked == [BUNDLE.block.number]


def test_without_an_anchor_it_is_only_consistent() -> None:
    verdict = verify_bundle(DATA, PINS)
    assert (verdict.outcome, verdict.exit_code) == ("consistent", 3)
    assert verdict.steps[-1].passed is None
    assert BUNDLE.block.hash in verdict.steps[-1].detail


def test_without_a_tokenizer_the_recount_is_said_to_be_skipped() -> None:
    step = next(step for step in verify_bundle(DATA, PINS).steps if step.name == "tokens")
    assert step.passed is None
    assert "the worker's word" in step.detail


def test_the_pure_python_pairing_agrees() -> None:
    assert judged(BUNDLE, pairing_check=verify_slowly).outcome == "verified"
    assert failed_step(judged(resigned(proof=negated_a()), pairing_check=verify_slowly)) == "proof"


def unreachable(number: int) -> bytes:
    raise OSError(f"no answer about block {number}")


@pytest.mark.parametrize(
    "how",
    [
        {"block_hash": bytes(32)},
        {"block_hash": None, "block_hash_at": lambda _: None},
        {"block_hash": None, "block_hash_at": lambda _: bytes(32)},
        {"block_hash_at": lambda _: bytes(32)},
        {"block_hash": None, "block_hash_at": unreachable},
    ],
)
def test_another_block_none_or_no_answer_is_a_failure_of_the_anchor(how: dict[str, Any]) -> None:
    assert failed_step(judged(BUNDLE, **how)) == "anchor"


def other_contract(pins: Deployment) -> Deployment:
    other = replace(pins.contracts["InferenceCoordinator"], address="0x" + "12" * 20)
    return replace(pins, contracts={**pins.contracts, "InferenceCoordinator": other})


@pytest.mark.parametrize(
    ("pins", "step"),
    [
        (replace(PINS, chain_id=1), "pins"),
        (other_contract(PINS), "pins"),
        (replace(PINS, circuit=replace(PINS.circuit, digest="0x" + "12" * 32)), "pins"),
        (replace(PINS, circuit=replace(PINS.circuit, verifier_version=2)), "settlement"),
    ],
)
def test_pins_come_from_the_verifier_and_are_never_the_bundle_s_own(pins: Deployment, step: str) -> None:
    assert failed_step(verify_bundle(DATA, pins, block_hash=BLOCK_HASH)) == step


@pytest.mark.parametrize(("changes", "step"), LIES)
def test_a_worker_who_signs_something_else_is_found_out(changes: dict[str, Any], step: str) -> None:
    assert failed_step(judged(resigned(**changes))) == step


def test_a_receipt_signed_by_another_key_is_refused() -> None:
    other = sign(replace(BUNDLE.receipt, provider=WORKERS[1].hex, client=BUNDLE.receipt.client), wallet(WORKERS[1].key))
    assert (
        failed_step(judged(replace(BUNDLE, receipt=replace(BUNDLE.receipt, signature=other.signature)))) == "signature"
    )
    assert failed_step(judged(replace(BUNDLE, receipt=other))) == "commitment"


def test_counts_that_the_tokenizer_does_not_confirm_are_refused(tmp_path: Path) -> None:
    one_more = resigned(prompt_tokens=BUNDLE.receipt.prompt_tokens + 1, units=BUNDLE.receipt.units + 1)
    assert failed_step(judged(one_more, tokenizer_of=tokenizer_in(STORED / "model"))) == "tokens"
    assert failed_step(judged(one_more)) == "commitment"
    assert failed_step(judged(BUNDLE, tokenizer_of=tokenizer_in(tmp_path))) == "tokens"


def test_more_tokens_than_the_request_allows_are_refused() -> None:
    ids = BUNDLE.receipt.completion_ids * 4
    units = BUNDLE.receipt.prompt_tokens + len(ids)
    padded = resigned(completion_ids=ids, completion_tokens=len(ids), units=units)
    assert failed_step(judged(padded)) == "tokens"


def test_a_worker_cannot_excuse_a_cut_by_a_stop_sequence_that_nobody_asked_for() -> None:
    sampling = replace(BUNDLE.receipt.sampling, stop=("blue",))
    more = (*BUNDLE.receipt.completion_ids, 5)
    cut = resigned(
        sampling=sampling, completion_ids=more, completion_tokens=len(more), units=BUNDLE.receipt.units + 1,
        response_cid=str(cid_of(b"Because ")),
    )  # fmt: skip
    bundle = replace(cut, response=to_payload(b"Because "))
    assert failed_step(judged(bundle, tokenizer_of=tokenizer_in(STORED / "model"))) == "tokens"


def test_tokens_that_do_not_decode_to_the_answer_are_refused() -> None:
    ids = BUNDLE.receipt.completion_ids
    lying = resigned(completion_ids=(ids[1], ids[0], *ids[2:]))
    assert judged(lying).outcome == "verified", "the ids are the worker's word until they are decoded"
    assert failed_step(judged(lying, tokenizer_of=tokenizer_in(STORED / "model"))) == "tokens"


@pytest.mark.parametrize("bundle", UNSETTLED)
def test_a_settlement_that_the_block_does_not_hold_is_refused(bundle: Bundle) -> None:
    assert failed_step(judged(bundle, block_hash=to_bytes(bundle.block.hash))) == "settlement"


@pytest.mark.parametrize("payload", PAYLOADS)
def test_contents_in_another_form_or_of_another_kind_are_refused(payload: Payload) -> None:
    for name in ("prompt", "response", "model"):
        assert failed_step(judged(replace(BUNDLE, **{name: payload}))) in ("encoding", "content")


def test_bytes_that_are_no_text_are_carried_in_base64() -> None:
    assert to_payload(b"\xff") == Payload("base64", "/w==")


@pytest.mark.parametrize("data", NO_BUNDLES)
def test_bytes_that_are_no_bundle_are_refused(data: bytes) -> None:
    assert failed_step(verify_bundle(data, PINS, block_hash=BLOCK_HASH)) == "encoding"


@pytest.mark.slow
def test_a_character_changed_here_and_there_is_refused_even_without_an_anchor() -> None:
    for at in range(0, len(DATA), 29):
        assert failed_step(verify_bundle(changed_at(DATA, at), PINS)), at


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_any_character_changed_is_refused_even_without_an_anchor(part: int) -> None:
    for at in range(part, len(DATA), 8):
        assert failed_step(verify_bundle(changed_at(DATA, at), PINS)), at


def test_any_field_changed_dropped_or_added_is_refused_even_without_an_anchor() -> None:
    tried = 0
    for changed in variants(msgspec.json.decode(DATA)):
        data = encode(changed)
        if data != DATA:
            tried += 1
            assert failed_step(verify_bundle(data, PINS)), changed
    assert tried > 500
