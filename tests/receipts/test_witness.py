"""The witness: a false statement has none, and compiled code is run only when it is whole."""

from pathlib import Path

import msgspec
import pytest

from receipts import witness
from receipts.keys import Keys
from receipts.poseidon import FIELD
from receipts.statement import FalseStatement, PrivatePart, PublicInputs
from receipts.witness import WitnessFailed, WitnessGenerator
from tests.receipts.statements import honest


@pytest.fixture(scope="module")
def generator(keys: Keys) -> WitnessGenerator:
    return WitnessGenerator(keys.witness_generator)


def changed(private: dict[str, object], public: dict[str, object]) -> tuple[PrivatePart, PublicInputs]:
    hidden, shown = honest()
    return msgspec.structs.replace(hidden, **private), msgspec.structs.replace(shown, **public)


def committed(**private: object) -> tuple[PrivatePart, PublicInputs]:
    """A statement that is false though its commitment is right."""
    hidden, shown = changed(private, {})
    return hidden, msgspec.structs.replace(shown, commitment=hidden.commitment(shown.job_key))


_, SHOWN = honest()
FALSE = {
    "one wei too much": changed({}, {"amount": SHOWN.amount + 1}),
    "one wei too little": changed({}, {"amount": SHOWN.amount - 1}),
    "another job": changed({}, {"job_key": SHOWN.job_key + 1}),
    "another commitment": changed({}, {"commitment": SHOWN.commitment ^ 1}),
    "another price": changed({}, {"terms": SHOWN.terms + (1 << 32)}),
    "a lower maximum than the completion": changed({}, {"terms": SHOWN.terms - 1024 + 127}),
    "more prompt tokens than paid for": committed(prompt_tokens=513),
    "fewer completion tokens than paid for": committed(completion_tokens=127),
    "another response": changed({"response_digest": b"\7" * 32}, {}),
    "another time": changed({"completed_at": honest()[0].completed_at + 1}, {}),
}


@pytest.mark.parametrize("sides", FALSE.values(), ids=FALSE.keys())
def test_a_false_statement_has_no_witness(generator: WitnessGenerator, sides: tuple[PrivatePart, PublicInputs]) -> None:
    with pytest.raises(FalseStatement):
        generator(*sides)


def test_the_public_inputs_follow_the_constant_one(generator: WitnessGenerator) -> None:
    private, public = honest()
    found = generator(private, public)
    assert found[:5] == [1, *public.words]
    assert all(0 <= value < FIELD for value in found)


def test_a_run_that_broke_off_leaves_nothing_behind(generator: WitnessGenerator) -> None:
    before = generator(*honest())
    with pytest.raises(FalseStatement):
        generator(*FALSE["another job"])
    assert generator(*honest()) == before


def test_an_input_that_the_circuit_does_not_know_is_refused(
    generator: WitnessGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = witness.signals(*honest())
    monkeypatch.setattr(witness, "signals", lambda *_: {**right, "salt": ()})
    with pytest.raises(WitnessFailed, match="takes 18 words"):
        generator(*honest())
    renamed = {("pepper" if name == "salt" else name): words for name, words in right.items()}
    monkeypatch.setattr(witness, "signals", lambda *_: renamed)
    with pytest.raises(WitnessFailed, match="not known"):
        generator(*honest())


def test_compiled_code_is_kept_and_used_again(keys: Keys, tmp_path: Path) -> None:
    first = WitnessGenerator(keys.witness_generator, tmp_path)(*honest())
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    assert WitnessGenerator(keys.witness_generator, tmp_path)(*honest()) == first
    assert kept.stat().st_mtime_ns == written


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied"])
def test_damaged_compiled_code_is_made_anew_and_never_run(keys: Keys, tmp_path: Path, damage: str) -> None:
    first = WitnessGenerator(keys.witness_generator, tmp_path)(*honest())
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    kept.write_bytes({"cut": whole[:-1], "flipped": flipped, "emptied": b""}[damage])
    assert WitnessGenerator(keys.witness_generator, tmp_path)(*honest()) == first
    assert kept.read_bytes()[:32] == whole[:32]


def test_a_cache_that_cannot_be_written_is_done_without(keys: Keys, tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")
    assert WitnessGenerator(keys.witness_generator, occupied)(*honest())
