"""Coordinates in, whether they are a point of BN254's groups out: pure Python, asked before native code sees a point.

A point of G1 is (x, y); one of G2 is (x imaginary, x real, y imaginary, y real), as the pairing precompile orders it.
"""

from typing import TypeAlias

G1: TypeAlias = tuple[int, int]
G2: TypeAlias = tuple[int, int, int, int]
_Pair: TypeAlias = tuple[int, int]  # an element of the quadratic extension: real, imaginary
_Jacobian: TypeAlias = tuple[_Pair, _Pair, _Pair]

BASE_FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583
GROUP_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
ZERO: _Pair = (0, 0)
# b of y^2 = x^3 + b: 3 in G1, 3 / (9 + i) in G2.
B1 = 3
B2: _Pair = (
    19485874751759354771024239261021720505790618469301721065564631296452457478373,
    266929791119991161246907387137283842545076965332900288569378510910307636690,
)


class NotAPoint(ValueError):
    """Coordinates that name no point of the group."""


def require_g1(point: G1, name: str) -> G1:
    """The point itself, if it is a finite point of G1 with reduced coordinates."""
    _require_reduced(point, name)
    x, y = point
    if y * y % BASE_FIELD != (x * x * x + B1) % BASE_FIELD:
        raise NotAPoint(f"{name} is no point of the curve")
    return point


def require_g2(point: G2, name: str) -> G2:
    """The point itself, if it is a finite point of G2 with reduced coordinates: on the twist, in the right subgroup."""
    _require_reduced(point, name)
    x, y = (point[1], point[0]), (point[3], point[2])
    cubed = _times(_times(x, x), x)
    if _times(y, y) != _plus(cubed, B2):
        raise NotAPoint(f"{name} is no point of the twisted curve")
    if _multiply((x, y, (1, 0)), GROUP_ORDER)[2] != ZERO:
        raise NotAPoint(f"{name} lies on the twisted curve but not in the subgroup of prime order")
    return point


def negated_g1(point: G1) -> G1:
    return point[0], -point[1] % BASE_FIELD


def negated_g2(point: G2) -> G2:
    return point[0], point[1], -point[2] % BASE_FIELD, -point[3] % BASE_FIELD


def _require_reduced(coordinates: tuple[int, ...], name: str) -> None:
    if not any(coordinates):
        raise NotAPoint(f"{name} is the point at infinity, which no honest prover makes")
    for coordinate in coordinates:
        if not 0 <= coordinate < BASE_FIELD:
            raise NotAPoint(f"{name} has the coordinate {coordinate}, which is not below the base field's modulus")


def _plus(a: _Pair, b: _Pair) -> _Pair:
    return (a[0] + b[0]) % BASE_FIELD, (a[1] + b[1]) % BASE_FIELD


def _minus(a: _Pair, b: _Pair) -> _Pair:
    return (a[0] - b[0]) % BASE_FIELD, (a[1] - b[1]) % BASE_FIELD


def _times(a: _Pair, b: _Pair) -> _Pair:
    return (a[0] * b[0] - a[1] * b[1]) % BASE_FIELD, (a[0] * b[1] + a[1] * b[0]) % BASE_FIELD


def _multiply(point: _Jacobian, scalar: int) -> _Jacobian:
    """Double and add from the scalar's top bit down; a third coordinate of zero is the point at infinity."""
    product = point
    for bit in f"{scalar:b}"[1:]:
        product = _doubled(product)
        if bit == "1":
            product = _added(product, point)
    return product


def _doubled(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    yy, xx = _times(y, y), _times(x, x)
    s = _times(x, yy)
    s = _plus(_plus(s, s), _plus(s, s))
    m = _plus(_plus(xx, xx), xx)
    x3 = _minus(_times(m, m), _plus(s, s))
    y4 = _times(yy, yy)
    y4 = _plus(_plus(y4, y4), _plus(y4, y4))
    yz = _times(y, z)
    return x3, _minus(_times(m, _minus(s, x3)), _plus(y4, y4)), _plus(yz, yz)


def _added(a: _Jacobian, b: _Jacobian) -> _Jacobian:
    """a + b for a finite affine b (third coordinate one)."""
    if a[2] == ZERO:
        return b
    zz = _times(a[2], a[2])
    u, s = _times(b[0], zz), _times(_times(b[1], zz), a[2])
    h, r = _minus(u, a[0]), _minus(s, a[1])
    if h == ZERO:
        return _doubled(b) if r == ZERO else ((1, 0), (1, 0), ZERO)
    hh = _times(h, h)
    hhh, v = _times(hh, h), _times(a[0], hh)
    x = _minus(_minus(_times(r, r), hhh), _plus(v, v))
    return x, _minus(_times(r, _minus(v, x)), _times(a[1], hhh)), _times(a[2], h)
