"""A proving key, then witnesses in, proofs out: Groth16 on zksnake's native BN254 arithmetic (MIT), the default.

The three sums of Groth16 are regrouped so that few and full multiplications remain: blinding points join the sums they
belong to, C takes the quotient and B's share in one sum, and wires that are one (most are bits) are added, not
multiplied. The library picks its window by the number of points, which suits one sum of 1800 better than three.
"""

import secrets
from collections.abc import Callable, Sequence
from operator import itemgetter, mul
from typing import Any

from zksnake._algebra import ec_bn254 as native  # type: ignore[import-untyped]
from zksnake._algebra import polynomial_bn254 as polynomials

from .poseidon import FIELD
from .proof import Proof
from .verifying import native_g1, native_g2
from .witness import Witness
from .zkey import ProvingKey, Row

GENERATOR = 5  # of the scalar field's multiplicative group

Combination = Callable[[Witness], int]
Sum = Callable[[list[Any], list[int]], Any]


class ZksnakeArithmetic:
    """One circuit's points as the native library holds them; ready in half a second, then used for every proof."""

    def __init__(self, key: ProvingKey) -> None:
        distinct = {row: place for place, row in enumerate(dict.fromkeys([*key.a_rows, *key.b_rows]))}
        self._combinations = [_combination(row) for row in distinct]
        self._a_places = [distinct[row] for row in key.a_rows]
        self._b_places = [distinct[row] for row in key.b_rows]
        self._domain = key.domain
        root = pow(GENERATOR, (FIELD - 1) // (2 * key.domain), FIELD)
        self._shifts = [pow(root, power, FIELD) for power in range(key.domain)]
        self._a, self._b_1, self._c = (_Points(points, native_g1) for points in (key.a, key.b_1, key.c))
        self._b_2 = _Points(key.b_2, native_g2)
        self._h = [native_g1(point) for point in key.h]
        self._alpha_1, self._beta_1, self._delta_1 = map(native_g1, (key.alpha_1, key.beta_1, key.delta_1))
        self._beta_2, self._delta_2 = map(native_g2, (key.beta_2, key.delta_2))

    def __call__(self, witness: Witness) -> Proof:
        """A proof of what the witness shows, blinded by fresh randomness."""
        r, s = secrets.randbelow(FIELD), secrets.randbelow(FIELD)
        quotient = self._quotient(witness)
        a = _sum_g1([self._alpha_1, self._delta_1, *self._a.points], [1, r, *self._a.scalars(witness)])
        b = _sum_g2([self._beta_2, self._delta_2, *self._b_2.points], [1, s, *self._b_2.scalars(witness)])
        return Proof((a.x, a.y), _g2_words(b), self._third(witness, quotient, a, r, s))

    def _third(self, witness: Witness, quotient: list[int], a: Any, r: int, s: int) -> tuple[int, int]:
        """C = wires + quotient + s A + r (beta + B's wires); the two terms r s delta of the textbook cancel out."""
        c_ones, c_points, c_scalars = self._c.split(witness)
        b_ones, b_points, b_scalars = self._b_1.split(witness)
        b_sum = _sum_g1([self._beta_1, *b_ones], [1] * (len(b_ones) + 1))
        c = _sum_g1(
            [a, b_sum, *c_points, *self._h, *b_points],
            [s, r, *c_scalars, *quotient, *(scalar * r % FIELD for scalar in b_scalars)],
        )
        if c_ones:
            c += _sum_g1(c_ones, [1] * len(c_ones))
        return c.x, c.y

    def _quotient(self, witness: Witness) -> list[int]:
        """(a b - c) at the odd roots of unity, to which the key's H points belong."""
        values = [combination(witness) for combination in self._combinations]
        a = [values[place] for place in self._a_places]
        b = [values[place] for place in self._b_places]
        c = [x * y % FIELD for x, y in zip(a, b, strict=True)]
        shifted = zip(self._shifted(a), self._shifted(b), self._shifted(c), strict=True)
        return [(x * y - z) % FIELD for x, y, z in shifted]

    def _shifted(self, values: list[int]) -> list[int]:
        """A polynomial given at the roots of unity, evaluated at the odd ones of twice the order."""
        coefficients = polynomials.ifft(values, self._domain)
        moved = [value * shift % FIELD for value, shift in zip(coefficients, self._shifts, strict=True)]
        evaluated: list[int] = polynomials.fft(moved, self._domain)
        return evaluated


class _Points:
    """Points of the key with the wires whose values multiply them."""

    def __init__(self, points: dict[int, Any], convert: Callable[[Any], Any]) -> None:
        self.wires = list(points)
        self.points = [convert(point) for point in points.values()]

    def scalars(self, witness: Witness) -> list[int]:
        return [witness[wire] for wire in self.wires]

    def split(self, witness: Witness) -> tuple[list[Any], list[Any], list[int]]:
        """Points whose wire is one; then the others, but for those whose wire is zero, with their values."""
        ones: list[Any] = []
        others: list[Any] = []
        scalars: list[int] = []
        for point, wire in zip(self.points, self.wires, strict=True):
            value = witness[wire]
            if value == 1:
                ones.append(point)
            elif value:
                others.append(point)
                scalars.append(value)
        return ones, others, scalars


def _combination(row: Row) -> Combination:
    if not row.wires:
        return lambda _: 0
    if len(row.wires) == 1:
        wire, factor = row.wires[0], row.coefficients[0]
        return lambda witness: witness[wire] * factor % FIELD
    pick: Callable[[Witness], Sequence[int]] = itemgetter(*row.wires)
    coefficients = row.coefficients
    return lambda witness: sum(map(mul, coefficients, pick(witness))) % FIELD


def _g2_words(point: Any) -> tuple[int, int, int, int]:
    (x_real, x_imaginary), (y_real, y_imaginary) = point.x, point.y
    return x_imaginary, x_real, y_imaginary, y_real


_sum_g1: Sum = native.multiscalar_mul_g1
_sum_g2: Sum = native.multiscalar_mul_g2
