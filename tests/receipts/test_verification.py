"""A bundle is verified only if everything in it holds and a block hash anchors it; any change makes it fail.

The sample is the evidence of one job that was really settled on a development chain (see `settled`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from receipts.canonical import encode, to_bytes, to_word
from receipts.content.unixfs import cid_of
from receipts.curve import BASE_FIELD
from receipts.deployment import Deployment, load
from receipts.document import sign
from receipts.evidence import Bundle, Payload, decode_bundle, encode_bundle, to_payload
from receipts.oracle import verify_slowly
from receipts.tokens import tokenizer_in
from receipts.verification import Verdict, verify_bundle
from tests.network import WORKERS
from tests.receipts.documents import wallet
from tests.receipts.settled import STORED

DATA = (STORED / "bundle.json").read_bytes()
PINS = load(STORED / "deployment.json")
BUNDLE = decode_bundle(DATA)
BLOCK_HASH = to_bytes(BUNDLE.block.hash)


def judged(bundle: Bundle, **how: Any) -> Verdict:
    return verify_bundle(encode_bundle(bundle), PINS, **{"block_hash": BLOCK_HASH, **how})


def resigned(**changes: Any) -> Bundle:
    """The bundle with a receipt that its worker signed anew: a worker who lies."""
    return replace(BUNDLE, receipt=sign(replace(BUNDLE.receipt, **changes), wallet(WORKERS[0].key)))


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


def negated_a() -> tuple[str, ...]:
    """A proof of valid points that proves nothing: A is turned into -A."""
    x, y, *others = BUNDLE.receipt.proof
    return (x, to_word(BASE_FIELD - int(y, 16)), *others)


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


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"chain_id": 1}, "pins"),
        ({"coordinator": "0x" + "12" * 20}, "pins"),
        ({"receipt_id": "another"}, "pins"),
        ({"circuit_digest": to_word(1)}, "pins"),
        ({"prompt_cid": BUNDLE.receipt.response_cid}, "content"),
        ({"response_cid": "none"}, "content"),
        ({"completion_tokens": BUNDLE.receipt.completion_tokens - 1}, "tokens"),
        ({"completion_ids": BUNDLE.receipt.completion_ids[:-1]}, "tokens"),
        ({"units": 1}, "tokens"),
        ({"job_key": to_word(1)}, "commitment"),
        ({"salt": to_word(1)}, "commitment"),
        ({"salt": "0x" + "ff" * 32}, "commitment"),
        ({"started_at": BUNDLE.receipt.started_at + 1}, "commitment"),
        ({"completed_at": BUNDLE.receipt.started_at - 1}, "commitment"),
        ({"commitment": to_word(1)}, "commitment"),
        ({"proof": negated_a()}, "proof"),
        ({"proof": ("0x" + "00" * 32,) * 8}, "proof"),
        ({"proof": ("0x" + "ff" * 32,) * 8}, "proof"),
        ({"amount": "1"}, "proof"),
        ({"amount": "9" * 78}, "proof"),
        ({"terms": to_word(1)}, "proof"),
        ({"terms": "0x" + "ff" * 32}, "proof"),
        ({"price": "1"}, "terms"),
        ({"model": "another"}, "settlement"),
    ],
)
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


def block_of(**changes: Any) -> Bundle:
    return replace(BUNDLE, block=replace(BUNDLE.block, **changes))


def inclusion_of(**changes: Any) -> Bundle:
    return replace(BUNDLE, inclusion=replace(BUNDLE.inclusion, **changes))


@pytest.mark.parametrize(
    "bundle",
    [
        block_of(hash=to_word(1)),
        block_of(header=(*BUNDLE.block.header, "0x01")),
        block_of(header=BUNDLE.block.header[:-1]),
        inclusion_of(tx_index=BUNDLE.inclusion.tx_index - 1),
        inclusion_of(log_index=BUNDLE.inclusion.log_index - 1),
        inclusion_of(log_index=99),
        inclusion_of(nodes=()),
        inclusion_of(nodes=BUNDLE.inclusion.nodes[:-1]),
        inclusion_of(nodes=(*BUNDLE.inclusion.nodes, BUNDLE.inclusion.nodes[-1])),
    ],
)
def test_a_settlement_that_the_block_does_not_hold_is_refused(bundle: Bundle) -> None:
    assert failed_step(judged(bundle, block_hash=to_bytes(bundle.block.hash))) == "settlement"


@pytest.mark.parametrize(
    "payload",
    [
        Payload("base64", "SGVsbG8="),
        Payload("base64", "not base64"),
        Payload("base64", "/w=="),
        Payload("base64", "/x=="),
        Payload("utf-8", "\x00"),
    ],
)
def test_contents_in_another_form_or_of_another_kind_are_refused(payload: Payload) -> None:
    for name in ("prompt", "response", "model"):
        assert failed_step(judged(replace(BUNDLE, **{name: payload}))) in ("encoding", "content")


def test_bytes_that_are_no_text_are_carried_in_base64() -> None:
    assert to_payload(b"\xff") == Payload("base64", "/w==")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"null", b"[" * 100_000, b"\xff\xfe", DATA[:-1], DATA + b"\n", b" " + DATA]
)
def test_bytes_that_are_no_bundle_are_refused(data: bytes) -> None:
    assert failed_step(verify_bundle(data, PINS, block_hash=BLOCK_HASH)) == "encoding"


def changed_at(data: bytes, at: int) -> bytes:
    """Another character of the same kind, so that the change is as hard to see as can be."""
    letter = data[at : at + 1]
    for letters in (b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
        if letter in letters:
            modulus = 6 if letter in b"abcdef" else len(letters)
            return data[:at] + letters[(letters.index(letter) + 1) % modulus :][:1] + data[at + 1 :]
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.slow
def test_a_character_changed_here_and_there_is_refused_even_without_an_anchor() -> None:
    for at in range(0, len(DATA), 29):
        assert failed_step(verify_bundle(changed_at(DATA, at), PINS)), at


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_any_character_changed_is_refused_even_without_an_anchor(part: int) -> None:
    for at in range(part, len(DATA), 8):
        assert failed_step(verify_bundle(changed_at(DATA, at), PINS)), at


def variants(value: Any) -> Iterator[Any]:
    """Every way to change one leaf, to drop one part, or to say one thing more, of a JSON value."""
    if isinstance(value, dict):
        yield {**value, "more": 1}
        for key, part in value.items():
            yield {name: other for name, other in value.items() if name != key}
            yield from ({**value, key: changed} for changed in variants(part))
    elif isinstance(value, list):
        yield [*value, *value[-1:]] if value else ["0x00"]
        if len(value) > 1:
            yield value[1:]
            yield value[::-1]
        for at in {0, len(value) // 2, len(value) - 1} if len(value) > 30 else range(len(value)):
            yield from ([*value[:at], changed, *value[at + 1 :]] for changed in variants(value[at]))
    else:
        yield from (changed for changed in _leaves(value) if changed != value or type(changed) is not type(value))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, str):
        yield from (value + "0", value[:-1], value.upper(), "", value + "\n")
    elif isinstance(value, int | float):
        yield from (value + 1, -1 - value, str(value))
    yield from (None, [value])


def test_any_field_changed_dropped_or_added_is_refused_even_without_an_anchor() -> None:
    tried = 0
    for changed in variants(msgspec.json.decode(DATA)):
        data = encode(changed)
        if data != DATA:
            tried += 1
            assert failed_step(verify_bundle(data, PINS)), changed
    assert tried > 500
