"""A snarkjs proving key (.zkey, Groth16 on BN254) in, its points and constraint rows as plain integers out.

The file's sum was checked before (`keys`), so its points are taken as they are. Coordinates are stored in Montgomery
form, coefficients of the constraints multiplied by its square.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from .curve import BASE_FIELD, G1, G2
from .poseidon import FIELD

WORD_BYTES = 32
GROTH16 = 1
UNMONT_BASE = pow(1 << 256, -1, BASE_FIELD)
UNMONT_SQUARE = pow(1 << 512, -1, FIELD)
PROTOCOL, HEADER, COEFFICIENTS, A, B1, B2, C, H = 1, 2, 4, 5, 6, 7, 8, 9
Point = TypeVar("Point", bound=tuple[int, ...])
_COEFFICIENT = struct.Struct("<III32s")  # matrix, constraint, wire, value


class BadProvingKey(ValueError):
    """A file that is no Groth16 proving key over BN254."""


class Row(NamedTuple):
    """One linear combination of wires."""

    wires: tuple[int, ...]
    coefficients: tuple[int, ...]


class ProvingKey(NamedTuple):
    """Points by the wire whose value multiplies them (those at infinity left out); `a_rows`, `b_rows` by constraint."""

    domain: int
    alpha_1: G1
    beta_1: G1
    beta_2: G2
    delta_1: G1
    delta_2: G2
    a: dict[int, G1]
    b_1: dict[int, G1]
    b_2: dict[int, G2]
    c: dict[int, G1]
    h: list[G1]
    a_rows: list[Row]
    b_rows: list[Row]


def parse_zkey(data: bytes) -> ProvingKey:
    """The proving key that these bytes hold. Raises BadProvingKey."""
    if data[:4] != b"zkey":
        raise BadProvingKey("this is no .zkey file")
    try:
        return _parsed(dict(_sections(data)))
    except (KeyError, struct.error) as fault:
        raise BadProvingKey(f"the .zkey file lacks a part: {fault!r}") from None


def _parsed(sections: dict[int, memoryview]) -> ProvingKey:
    header = sections[HEADER]
    moduli = _integer(header[4:36]), _integer(header[40:72])
    if sections[PROTOCOL][:4] != struct.pack("<I", GROTH16) or moduli != (BASE_FIELD, FIELD):
        raise BadProvingKey("the .zkey file is not for Groth16 on BN254")
    _, public, domain = struct.unpack_from("<III", header, 72)
    points = header[84:]
    a_rows, b_rows = _rows(sections[COEFFICIENTS], domain)
    return ProvingKey(
        domain=domain,
        alpha_1=_g1(points[0:64]),
        beta_1=_g1(points[64:128]),
        beta_2=_g2(points[128:256]),
        delta_1=_g1(points[384:448]),
        delta_2=_g2(points[448:576]),
        a=_present(_g1_all(sections[A])),
        b_1=_present(_g1_all(sections[B1])),
        b_2=_present(_g2_all(sections[B2])),
        c={wire + public + 1: point for wire, point in _present(_g1_all(sections[C])).items()},
        h=_g1_all(sections[H]),
        a_rows=a_rows,
        b_rows=b_rows,
    )


def _sections(data: bytes) -> Iterator[tuple[int, memoryview]]:
    (count,), at = struct.unpack_from("<I", data, 8), 12
    for _ in range(count):
        kind, length = struct.unpack_from("<IQ", data, at)
        at += 12
        yield kind, memoryview(data)[at : at + length]
        at += length


def _rows(section: memoryview, domain: int) -> tuple[list[Row], list[Row]]:
    gathered: tuple[list[dict[int, int]], ...] = ([{} for _ in range(domain)], [{} for _ in range(domain)])
    (count,) = struct.unpack_from("<I", section)
    for matrix, constraint, wire, value in _COEFFICIENT.iter_unpack(section[4 : 4 + count * _COEFFICIENT.size]):
        gathered[matrix][constraint][wire] = _integer(value) * UNMONT_SQUARE % FIELD
    a_rows, b_rows = ([Row(tuple(row), tuple(row.values())) for row in rows] for rows in gathered)
    return a_rows, b_rows


def _g1_all(section: memoryview) -> list[G1]:
    return [_g1(section[at : at + 64]) for at in range(0, len(section), 64)]


def _g2_all(section: memoryview) -> list[G2]:
    return [_g2(section[at : at + 128]) for at in range(0, len(section), 128)]


def _g1(data: memoryview) -> G1:
    return _coordinate(data[:32]), _coordinate(data[32:64])


def _g2(data: memoryview) -> G2:
    x_real, x_imaginary, y_real, y_imaginary = (_coordinate(data[at : at + 32]) for at in range(0, 128, 32))
    return x_imaginary, x_real, y_imaginary, y_real


def _present(points: list[Point]) -> dict[int, Point]:
    return {wire: point for wire, point in enumerate(points) if any(point)}


def _coordinate(data: memoryview) -> int:
    return _integer(data) * UNMONT_BASE % BASE_FIELD


def _integer(data: memoryview | bytes) -> int:
    return int.from_bytes(data, "little")
