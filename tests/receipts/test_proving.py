"""Proving: what holds is proved and verifies, by every prover and both verifiers; anything altered does not."""

import builtins
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receipts.curve import negated_g1, negated_g2
from receipts.keys import DevelopmentKeyRefused, Keys
from receipts.oracle import verify_slowly
from receipts.poseidon import FIELD
from receipts.proof import Proof, decode
from receipts.prover import Prover, ProverMissing, load_prover
from receipts.statement import FalseStatement, PrivatePart, PublicInputs
from receipts.verifying import verify
from receipts.witness import Witness, WitnessGenerator
from receipts.zkey import BadProvingKey, parse_zkey
from tests.receipts.statements import CHAIN_ID, honest, honest_statements

pytestmark = pytest.mark.thorough

Sides = tuple[PrivatePart, PublicInputs]


@pytest.fixture(scope="module")
def proof(prover: Prover) -> Proof:
    return prover.prove(*honest())


@given(honest_statements())
@settings(max_examples=25, deadline=None)
def test_whatever_holds_is_proved_and_verifies(prover: Prover, keys: Keys, sides: Sides) -> None:
    proof = prover.prove(*sides)
    assert verify(keys.verifying_key, decode(proof.words), sides[1]) is True


@given(honest_statements())
@settings(max_examples=2, deadline=None)
def test_the_oracle_agrees_on_what_holds(prover: Prover, keys: Keys, sides: Sides) -> None:
    assert verify_slowly(keys.verifying_key, prover.prove(*sides), sides[1]) is True


def test_the_oracle_refuses_another_amount(keys: Keys, proof: Proof) -> None:
    _, public = honest()
    assert not verify_slowly(keys.verifying_key, proof, msgspec.structs.replace(public, amount=public.amount + 1))


@given(st.sampled_from(["job_key", "terms", "amount", "commitment"]), st.integers(1, FIELD - 1))
@settings(max_examples=30, deadline=None)
def test_no_other_value_of_a_public_input_verifies(keys: Keys, proof: Proof, name: str, shift: int) -> None:
    _, public = honest()
    altered = msgspec.structs.replace(public, **{name: (getattr(public, name) + shift) % FIELD})
    assert verify(keys.verifying_key, proof, altered) is False


@given(st.integers(0, 7), st.integers(0, 255))
@settings(max_examples=40, deadline=None)
def test_a_proof_with_one_bit_changed_is_no_proof(proof: Proof, place: int, bit: int) -> None:
    words = list(proof.words)
    words[place] ^= 1 << bit
    with pytest.raises(ValueError, match=r"the proof's [ABC]"):
        decode(words)


@pytest.mark.parametrize("part", ["a", "b", "c"])
def test_a_point_of_another_proof_does_not_verify(keys: Keys, prover: Prover, proof: Proof, part: str) -> None:
    other = prover.prove(*honest())
    mixed = msgspec.structs.replace(proof, **{part: getattr(other, part)})
    assert verify(keys.verifying_key, mixed, honest()[1]) is False


def test_a_proof_is_malleable_so_it_identifies_nothing(keys: Keys, proof: Proof) -> None:
    twin = Proof(negated_g1(proof.a), negated_g2(proof.b), proof.c)
    assert twin != proof
    assert verify(keys.verifying_key, decode(twin.words), honest()[1]) is True
    half = Proof(negated_g1(proof.a), proof.b, proof.c)
    assert verify(keys.verifying_key, half, honest()[1]) is False


def test_two_proofs_of_one_statement_show_no_likeness(prover: Prover, proof: Proof) -> None:
    assert not set(prover.prove(*honest()).words) & set(proof.words)


def test_both_provers_prove_what_holds_and_refuse_what_does_not(keys: Keys, tmp_path: Path) -> None:
    pytest.importorskip("groth16py", reason="the faster prover is an extra: pip install groth16py==0.2.0")
    extra = load_prover(keys, CHAIN_ID, "groth16py", tmp_path)
    private, public = honest(3)
    assert verify(keys.verifying_key, extra.prove(private, public), public) is True
    with pytest.raises(FalseStatement):
        extra.prove(private, msgspec.structs.replace(public, amount=public.amount + 1))


def test_a_false_statement_is_not_proved(prover: Prover) -> None:
    private, public = honest()
    with pytest.raises(FalseStatement):
        prover.prove(private, msgspec.structs.replace(public, amount=public.amount + 1))


def test_a_prover_that_errs_publishes_nothing(keys: Keys, proof: Proof) -> None:
    """The proof of another statement stands for whatever a faulty library may return."""

    def faulty(witness: Witness) -> Proof:
        assert witness
        return proof

    prover = Prover(WitnessGenerator(keys.witness_generator), faulty, keys.verifying_key)
    assert prover.prove(*honest()) == proof
    with pytest.raises(FalseStatement, match="does not verify"):
        prover.prove(*honest(1))


def test_an_extra_that_is_not_installed_is_named(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.endswith("groth16py_prover"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ProverMissing, match="pip install groth16py"):
        load_prover(keys, CHAIN_ID, "groth16py")


def test_an_unknown_prover_is_refused(keys: Keys) -> None:
    with pytest.raises(ProverMissing, match="'rapidsnark'"):
        load_prover(keys, CHAIN_ID, "rapidsnark")


@pytest.mark.parametrize("chain_id", [1, 10, 11155111])
def test_the_development_key_proves_nothing_where_money_is_real(keys: Keys, chain_id: int) -> None:
    with pytest.raises(DevelopmentKeyRefused, match=f"chain {chain_id}"):
        load_prover(keys, chain_id)


@pytest.mark.parametrize("length", [0, 3, 4, 11, 100, 1000])
def test_a_proving_key_that_is_cut_off_is_refused(keys: Keys, length: int) -> None:
    with pytest.raises(BadProvingKey):
        parse_zkey(keys.proving_key[:length])
