"""Verifying key, proof and public inputs in, whether the proof holds out: one pairing check in native code.

Anything but True is invalid. What reaches the native code was checked in `curve` before: it panics on a point off the
curve and takes coordinates modulo the field without a word.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from zksnake._algebra import ec_bn254 as native  # type: ignore[import-untyped]

from .curve import G1, G2, negated_g2
from .proof import Proof
from .statement import PublicInputs
from .verifying_key import VerifyingKey


class _Prepared(NamedTuple):
    """A key as the native library's points, with the pairing that is the same for every proof."""

    alpha_beta: Any
    negated_gamma: Any
    negated_delta: Any
    inputs: list[Any]


def verify(key: VerifyingKey, proof: Proof, inputs: PublicInputs) -> bool:
    """Whether e(A, B) = e(alpha, beta) e(known, gamma) e(C, delta)."""
    prepared = _prepared(key)
    known = native.multiscalar_mul_g1(prepared.inputs, [1, *inputs.words])
    left = native.multi_pairing(
        [native_g1(proof.a), known, native_g1(proof.c)],
        [native_g2(proof.b), prepared.negated_gamma, prepared.negated_delta],
    )
    return (left == prepared.alpha_beta) is True


def native_g1(point: G1) -> Any:
    return native.PointG1(*point)


def native_g2(point: G2) -> Any:
    x_imaginary, x_real, y_imaginary, y_real = point
    return native.PointG2(x_real, x_imaginary, y_real, y_imaginary)


@lru_cache(maxsize=8)
def _prepared(key: VerifyingKey) -> _Prepared:
    return _Prepared(
        native.pairing(native_g1(key.alpha), native_g2(key.beta)),
        native_g2(negated_g2(key.gamma)),
        native_g2(negated_g2(key.delta)),
        [native_g1(point) for point in key.inputs],
    )
