"""A verifying key in snarkjs's JSON in, its points out, each checked to be one."""

from typing import Any, NamedTuple

from .curve import G1, G2, NotAPoint, require_g1, require_g2

PUBLIC_INPUTS = 4


class BadVerifyingKey(ValueError):
    """JSON that is no Groth16 verifying key over BN254 for our statement."""


class VerifyingKey(NamedTuple):
    """The fixed points of the pairing equation; `inputs` is a point for one, then one for each public input."""

    alpha: G1
    beta: G2
    gamma: G2
    delta: G2
    inputs: tuple[G1, ...]


def parse_verifying_key(data: dict[str, Any]) -> VerifyingKey:
    """The key's points. Raises BadVerifyingKey."""
    try:
        kind = data["protocol"], data["curve"], data["nPublic"], len(data["IC"])
        if kind != ("groth16", "bn128", PUBLIC_INPUTS, PUBLIC_INPUTS + 1):
            raise BadVerifyingKey(f"the key is for {kind}: it must be Groth16 on bn128 with {PUBLIC_INPUTS} inputs")
        return VerifyingKey(
            alpha=_g1(data["vk_alpha_1"], "alpha"),
            beta=_g2(data["vk_beta_2"], "beta"),
            gamma=_g2(data["vk_gamma_2"], "gamma"),
            delta=_g2(data["vk_delta_2"], "delta"),
            inputs=tuple(_g1(point, f"IC[{index}]") for index, point in enumerate(data["IC"])),
        )
    except BadVerifyingKey:
        raise
    except NotAPoint as fault:
        raise BadVerifyingKey(f"verifying key: {fault}") from None
    except (LookupError, TypeError, ValueError) as fault:
        raise BadVerifyingKey(f"this is no verifying key as snarkjs writes it: {fault!r}") from None


def _g1(point: list[str], name: str) -> G1:
    x, y, z = point
    _require_affine(z == "1", name)
    return require_g1((int(x), int(y)), name)


def _g2(point: list[list[str]], name: str) -> G2:
    (x_real, x_imaginary), (y_real, y_imaginary), z = point
    _require_affine(z == ["1", "0"], name)
    return require_g2((int(x_imaginary), int(x_real), int(y_imaginary), int(y_real)), name)


def _require_affine(is_affine: bool, name: str) -> None:
    if not is_affine:
        raise BadVerifyingKey(f"{name} is not in affine coordinates")
