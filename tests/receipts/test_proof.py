"""Proofs from outside: one encoding, and nothing that is no point of the curve comes in."""

import pytest

import receipts.oracle  # noqa: F401  it comes before py_ecc, whose recursion limit it takes back

# isort: split
from py_ecc.bn128.bn128_curve import G1 as PUBLISHED_1
from py_ecc.bn128.bn128_curve import G2 as PUBLISHED_2
from py_ecc.bn128.bn128_curve import multiply

from receipts.curve import BASE_FIELD, G1, G2, NotAPoint, negated_g1, negated_g2, require_g1, require_g2
from receipts.proof import BadProof, Proof, decode, decode_text


def in_g1(scalar: int) -> G1:
    """A multiple of the generator, by py_ecc."""
    point = multiply(PUBLISHED_1, scalar)
    assert point is not None
    return int(point[0]), int(point[1])


def in_g2(scalar: int) -> G2:
    point = multiply(PUBLISHED_2, scalar)
    assert point is not None
    (x_real, x_imaginary), (y_real, y_imaginary) = (map(int, coordinate.coeffs) for coordinate in point)
    return x_imaginary, x_real, y_imaginary, y_real


GOOD = (*in_g1(1), *in_g2(1), *in_g1(1))
# On the twisted curve at x = 1, but not in the subgroup of prime order.
STRAY = (
    0,
    1,
    5912654199736721486680175016176231956195085055698687135131307249486702594212,
    18278151005453108793778860132295291098363647455926340152056652516292830556603,
)


def with_words(start: int, *words: int) -> tuple[int, ...]:
    return (*GOOD[:start], *words, *GOOD[start + len(words) :])


MALFORMED = {
    "empty": ((), "not 0"),
    "short": (GOOD[:7], "not 7"),
    "long": ((*GOOD, 0), "not 9"),
    "A at infinity": (with_words(0, 0, 0), "A is the point at infinity"),
    "B at infinity": (with_words(2, 0, 0, 0, 0), "B is the point at infinity"),
    "C at infinity": (with_words(6, 0, 0), "C is the point at infinity"),
    "A off the curve": (with_words(0, 1, 3), "A is no point"),
    "B off the curve": (with_words(5, GOOD[5] ^ 1), "B is no point"),
    "B with its halves swapped": (with_words(2, GOOD[3], GOOD[2], GOOD[5], GOOD[4]), "B is no point"),
    "B outside the subgroup": (with_words(2, *STRAY), "not in the subgroup"),
    "C off the curve": (with_words(6, 2, 2), "C is no point"),
    "A.x not reduced": (with_words(0, GOOD[0] + BASE_FIELD), "not below"),
    "B.y not reduced": (with_words(5, GOOD[5] + BASE_FIELD), "not below"),
    "C.y is the modulus": (with_words(7, BASE_FIELD), "not below"),
    "negative": (with_words(0, -1), "not below"),
    "all ones": ((2**256 - 1,) * 8, "not below"),
}


@pytest.mark.parametrize(("words", "reason"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_words_are_refused_with_the_reason(words: tuple[int, ...], reason: str) -> None:
    with pytest.raises(BadProof, match=reason):
        decode(words)


def test_words_that_are_points_come_back_as_they_were() -> None:
    proof = decode(GOOD)
    assert proof == Proof(in_g1(1), in_g2(1), in_g1(1))
    assert proof.words == GOOD
    assert decode_text(proof.text) == proof


@pytest.mark.parametrize("word", ["", "0x", "0x1", "0X" + "0" * 64, "0x" + "A" * 64, "0x" + "0" * 65, " 0x" + "0" * 63])
def test_text_in_any_other_form_is_refused(word: str) -> None:
    with pytest.raises(BadProof, match="64 lower-case hex digits"):
        decode_text([word, *decode(GOOD).text[1:]])


@pytest.mark.parametrize("scalar", [1, 2, 3, 12345678901234567890])
def test_multiples_of_the_generators_are_points_and_so_are_their_negatives(scalar: int) -> None:
    assert negated_g1(require_g1(negated_g1(in_g1(scalar)), "-P")) == in_g1(scalar)
    assert negated_g2(require_g2(negated_g2(in_g2(scalar)), "-Q")) == in_g2(scalar)


def test_a_point_of_the_wrong_subgroup_is_told_from_one_off_the_curve() -> None:
    with pytest.raises(NotAPoint, match="lies on the twisted curve but not in the subgroup"):
        require_g2(STRAY, "Q")
