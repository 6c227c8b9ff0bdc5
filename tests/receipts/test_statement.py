"""The statement: what is packed comes back, what is bound changes the key, what is private changes the commitment."""

import msgspec
import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from receipts.keccak import keccak256
from receipts.poseidon import FIELD, NotInField, poseidon
from receipts.statement import (
    FalseStatement,
    NotInStatement,
    PublicInputs,
    Terms,
    job_key,
    limbs,
    new_salt,
    state,
    unpack_terms,
)
from tests.receipts.statements import CHAIN_ID, CID, COORDINATOR, TERMS, WORKER, honest, prices, private_part, tokens

IDENTITY = (CHAIN_ID, COORDINATOR, 7, WORKER, CID)
ALTERED = [
    (1, COORDINATOR, 7, WORKER, CID),
    (CHAIN_ID, WORKER, 7, WORKER, CID),
    (CHAIN_ID, COORDINATOR, 8, WORKER, CID),
    (CHAIN_ID, COORDINATOR, 7, COORDINATOR, CID),
    (CHAIN_ID, COORDINATOR, 7, WORKER, CID + "x"),
]


@given(tokens, prices, prices)
def test_terms_come_back_from_their_packed_form(max_tokens: int, prompt: int, completion: int) -> None:
    terms = Terms(max_tokens, prompt, completion)
    assert unpack_terms(terms.pack()) == terms


@pytest.mark.parametrize("values", [(2**32, 0, 0), (-1, 0, 0), (0, 2**96, 0), (0, 0, 2**96), (0, 0, -1)])
def test_terms_out_of_bounds_are_refused(values: tuple[int, int, int]) -> None:
    with pytest.raises(NotInStatement):
        Terms(*values)


@pytest.mark.parametrize("packed", [-1, 2**224])
def test_a_word_that_packs_no_terms_is_refused(packed: int) -> None:
    with pytest.raises(NotInStatement, match="terms"):
        unpack_terms(packed)


def test_the_job_key_is_what_the_contract_computes() -> None:
    types = ["uint256", "address", "uint256", "address", "bytes32"]
    words = encode(types, [CHAIN_ID, "0x" + COORDINATOR.hex(), 7, "0x" + WORKER.hex(), keccak256(CID.encode())])
    assert job_key(*IDENTITY) == int.from_bytes(keccak256(words), "big") >> 8


@pytest.mark.parametrize("other", ALTERED, ids=["chain", "coordinator", "job", "worker", "response"])
def test_the_job_key_binds_chain_coordinator_job_worker_and_response(other: tuple[int, bytes, int, bytes, str]) -> None:
    assert job_key(*other) != job_key(*IDENTITY)


@pytest.mark.parametrize("address", [b"", b"\1" * 19, b"\1" * 32])
def test_an_address_of_another_length_is_refused(address: bytes) -> None:
    with pytest.raises(NotInStatement, match="20"):
        job_key(CHAIN_ID, address, 7, WORKER, CID)


@pytest.mark.parametrize("field", private_part().__struct_fields__)
def test_the_commitment_changes_with_every_private_field(field: str) -> None:
    private = private_part()
    value = getattr(private, field)
    other = bytes(reversed(value)) if isinstance(value, bytes) else value + 1
    changed = msgspec.structs.replace(private, **{field: other})
    assert changed.commitment(1) != private.commitment(1)


def test_the_commitment_is_bound_to_its_job_and_marked_with_its_purpose() -> None:
    private = private_part()
    assert private.commitment(1) != private.commitment(2)
    digests = (*limbs(private.prompt_digest), *limbs(private.response_digest), *limbs(private.model_digest))
    times = private.started_at << 64 | (private.completed_at - private.started_at) << 112
    counts = private.prompt_tokens | private.completion_tokens << 32
    tag = int.from_bytes(b"tally.v1", "big")
    assert private.commitment(1) == poseidon([tag, 1, *digests, private.salt, counts | times])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt_digest", b"short"),
        ("prompt_tokens", 2**32),
        ("completion_tokens", -1),
        ("started_at", 2**48),
        ("completed_at", private_part().started_at - 1),
        ("completed_at", private_part().started_at + 2**40),
        ("salt", FIELD),
    ],
)
def test_a_private_field_out_of_bounds_is_refused(field: str, value: object) -> None:
    with pytest.raises((NotInStatement, NotInField), match=field):
        msgspec.structs.replace(private_part(), **{field: value})


def test_the_amount_is_what_the_tokens_cost() -> None:
    private, public = honest()
    assert public.amount == 512 * 3 * 10**12 + 128 * 9 * 10**12
    assert public.words == (public.job_key, TERMS.pack(), public.amount, private.commitment(public.job_key))


def test_a_completion_above_the_maximum_cannot_be_stated() -> None:
    with pytest.raises(FalseStatement, match="1025 completion tokens"):
        state(msgspec.structs.replace(private_part(), completion_tokens=1025), TERMS, 1)


@given(st.integers(0, 3), st.sampled_from([-1, FIELD, FIELD + 5, 2**256]))
def test_a_public_input_outside_the_field_is_refused(place: int, value: int) -> None:
    words = [0, 0, 0, 0]
    words[place] = value
    with pytest.raises(NotInField):
        PublicInputs(*words)


def test_salts_are_fresh_field_elements() -> None:
    salts = {new_salt() for _ in range(50)}
    assert len(salts) == 50
    assert all(0 <= salt < FIELD for salt in salts)
