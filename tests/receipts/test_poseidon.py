"""Poseidon: hashes equal circomlib's, and the circuit's constants are ours."""

from pathlib import Path

import pytest

from receipts.circuit_constants import circom_source
from receipts.poseidon import FIELD, NotInField, poseidon

# From the tests of circomlibjs, go-iden3-crypto and light-poseidon; ten inputs from circomlib's own circuit.
PUBLISHED = [
    ([1], 18586133768512220936620570745912940619677854269274689475585506675881198879027),
    ([0, 0], 14744269619966411208579211824598458697587494354926760081771325075741142829156),
    ([1, 2], 7853200120776062878684798364095072458815029376092732009249414926327459813530),
    ([1, 2, 3], 6542985608222806190361240322586112750744169038454362455181422643027100751666),
    ([1, 2, 3, 4], 18821383157269793795438455681495246036402687001665670618754263018637548127333),
    ([1, 2, 0, 0, 0], 1018317224307729531995786483840663576608797660851238720571059489595066344487),
    ([*range(1, 11)], 3657500514307717306974218405144578736633140001277925127187636780142269815841),
    ([*range(1, 15)], 8354478399926161176778659061636406690034081872658507739535256090879947077494),
    ([*range(1, 17)], 9989051620750914585850546081941653841776809718687451684622678807385399211877),
]


@pytest.mark.parametrize(("inputs", "digest"), PUBLISHED, ids=lambda value: str(value)[:20])
def test_the_hash_is_the_published_one(inputs: list[int], digest: int) -> None:
    assert poseidon(inputs) == digest


@pytest.mark.parametrize("value", [-1, FIELD, FIELD + 1, 2**256])
def test_a_value_outside_the_field_is_refused_and_not_reduced(value: int) -> None:
    with pytest.raises(NotInField, match=str(value)):
        poseidon([1, value])


@pytest.mark.parametrize("count", [0, 17])
def test_only_one_to_sixteen_inputs_are_taken(count: int) -> None:
    with pytest.raises(ValueError, match=f"not {count}"):
        poseidon([1] * count)


def test_the_circuits_constants_are_those_that_python_draws() -> None:
    assert Path("contracts/circuits/poseidon_constants.circom").read_text() == circom_source()
