"""Verifying key, proof and public inputs in, whether the proof holds out: in pure Python by py_ecc, 0.8 s a proof.

Slow and independent of the native library: the tests hold one against the other, and `verify` can ask it.
"""

import sys

# py_ecc raises the limit so far that deeply nested JSON, met later in this process, would overflow the stack.
_recursion_limit = sys.getrecursionlimit()
from py_ecc.fields import optimized_bn128_FQ as FQ  # noqa: E402
from py_ecc.fields import optimized_bn128_FQ2 as FQ2  # noqa: E402
from py_ecc.fields import optimized_bn128_FQ12 as FQ12  # noqa: E402
from py_ecc.optimized_bn128.optimized_curve import add, multiply, neg  # noqa: E402
from py_ecc.optimized_bn128.optimized_pairing import final_exponentiate, pairing  # noqa: E402

sys.setrecursionlimit(_recursion_limit)

from .curve import G1, G2  # noqa: E402
from .proof import Proof  # noqa: E402
from .statement import PublicInputs  # noqa: E402
from .verifying_key import VerifyingKey  # noqa: E402


def verify_slowly(key: VerifyingKey, proof: Proof, inputs: PublicInputs) -> bool:
    """The same equation as `verifying.verify`: one product of four pairings, which must be one."""
    known = _g1(key.inputs[0])
    for word, point in zip(inputs.words, key.inputs[1:], strict=True):
        known = add(known, multiply(_g1(point), word))
    pairs = (
        (_g2(proof.b), neg(_g1(proof.a))),
        (_g2(key.beta), _g1(key.alpha)),
        (_g2(key.gamma), known),
        (_g2(key.delta), _g1(proof.c)),
    )
    product = FQ12.one()
    for in_g2, in_g1 in pairs:
        product *= pairing(in_g2, in_g1, final_exponentiate=False)
    return bool(final_exponentiate(product) == FQ12.one())


def _g1(point: G1) -> tuple[FQ, FQ, FQ]:
    return FQ(point[0]), FQ(point[1]), FQ.one()


def _g2(point: G2) -> tuple[FQ2, FQ2, FQ2]:
    x_imaginary, x_real, y_imaginary, y_real = point
    return FQ2([x_real, x_imaginary]), FQ2([y_real, y_imaginary]), FQ2.one()
