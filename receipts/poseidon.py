"""Field elements in, their Poseidon hash over BN254's scalar field out: the commitment inside and outside the circuit.

Parameters follow the Poseidon paper (Grassi et al., USENIX Security 2021): S-box x^5, 8 full rounds, constants and
matrix drawn from the Grain LFSR of its appendix F. Hashes equal those of circomlib, light-poseidon and iden3.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from operator import add, mul
from typing import NamedTuple

FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617
FIELD_BITS = 254
FULL_ROUNDS = 8
PARTIAL_ROUNDS = (56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68)  # for 1 to 16 inputs
GRAIN_BITS = 80
GRAIN_WARM_UP = 160
CHUNK_BITS = 16


class NotInField(ValueError):
    """A value that is no element of the scalar field."""


class Parameters(NamedTuple):
    """What fixes one width of the permutation: constants in the order of use, and the mixing matrix by rows."""

    width: int
    partial_rounds: int
    constants: tuple[int, ...]
    matrix: tuple[tuple[int, ...], ...]

    @property
    def rounds(self) -> int:
        return FULL_ROUNDS + self.partial_rounds

    def is_full(self, index: int) -> bool:
        """Whether round `index` sends every word through the S-box, or only the first."""
        return not FULL_ROUNDS // 2 <= index < FULL_ROUNDS // 2 + self.partial_rounds


def poseidon(inputs: Sequence[int]) -> int:
    """The hash of 1 to 16 field elements."""
    for value in inputs:
        require_field(value, "a Poseidon input")
    chosen = parameters(len(inputs) + 1)
    state = [0, *inputs]
    for index in range(chosen.rounds):
        state = _round(state, chosen, index)
    return state[0]


def require_field(value: int, name: str) -> int:
    """The value itself; other hashes would take it modulo the field and let two values share a commitment."""
    if not 0 <= value < FIELD:
        raise NotInField(f"{name} is {value}: it must be from 0 to the field's modulus less one")
    return value


@cache
def parameters(width: int) -> Parameters:
    """Constants and matrix for a state of `width` words."""
    if not 2 <= width <= len(PARTIAL_ROUNDS) + 1:
        raise ValueError(f"Poseidon takes 1 to {len(PARTIAL_ROUNDS)} inputs, not {width - 1}")
    partial_rounds = PARTIAL_ROUNDS[width - 2]
    words = _grain_words(width, partial_rounds)
    constants: list[int] = []
    while len(constants) < width * (FULL_ROUNDS + partial_rounds):
        if (word := next(words)) < FIELD:
            constants.append(word)
    return Parameters(width, partial_rounds, tuple(constants), _cauchy(words, width))


def _round(state: list[int], chosen: Parameters, index: int) -> list[int]:
    constants = chosen.constants[index * chosen.width : (index + 1) * chosen.width]
    state = list(map(add, state, constants))
    boxed = chosen.width if chosen.is_full(index) else 1
    state[:boxed] = [pow(word, 5, FIELD) for word in state[:boxed]]
    return [sum(map(mul, row, state)) % FIELD for row in chosen.matrix]


def _cauchy(words: Iterator[int], width: int) -> tuple[tuple[int, ...], ...]:
    """The matrix of 1 / (x_i + y_j), whose x and y are the next distinct words; unlike constants they are reduced."""
    drawn: list[int] = []
    while len(set(drawn)) < 2 * width:
        drawn = [next(words) % FIELD for _ in range(2 * width)]
    xs, ys = drawn[:width], drawn[width:]
    return tuple(tuple(pow(x + y, -1, FIELD) for y in ys) for x in xs)


def _grain_words(width: int, partial_rounds: int) -> Iterator[int]:
    """Words of the LFSR's shrunk output, which keeps of each pair of bits the second, where the first is set."""
    prime_field, power_box = f"{1:02b}", f"{0:04b}"
    sizes = f"{FIELD_BITS:012b}{width:012b}{FULL_ROUNDS:010b}{partial_rounds:010b}"
    register = int((prime_field + power_box + sizes).ljust(GRAIN_BITS, "1"), 2)
    kept = ""
    for chunk in islice(_grain_chunks(register), GRAIN_WARM_UP // CHUNK_BITS, None):
        kept += _SHRUNK[chunk >> 8] + _SHRUNK[chunk & 255]
        if len(kept) >= FIELD_BITS:
            yield int(kept[:FIELD_BITS], 2)
            kept = kept[FIELD_BITS:]


def _grain_chunks(register: int) -> Iterator[int]:
    """16 new bits a step: b(i+80) = b(i+62) + b(i+51) + b(i+38) + b(i+23) + b(i+13) + b(i), the register's top."""
    while True:
        taps = register >> 2 ^ register >> 13 ^ register >> 26 ^ register >> 41 ^ register >> 51 ^ register >> 64
        chunk = taps & (1 << CHUNK_BITS) - 1
        register = (register << CHUNK_BITS | chunk) & (1 << GRAIN_BITS) - 1
        yield chunk


_SHRUNK = ["".join(str(byte >> place & 1) for place in (6, 4, 2, 0) if byte >> place + 1 & 1) for byte in range(256)]
