"""Poseidon's parameters in, poseidon_constants.circom out: `python -m receipts.circuit_constants` prints it."""

import sys
from collections.abc import Sequence

from .poseidon import Parameters, parameters

RECEIPT_WIDTH = 11  # the receipt commits to ten field elements

HEADING = """// SPDX-License-Identifier: Apache-2.0
// Written by `python -m receipts.circuit_constants`: drawn from the Grain LFSR of the Poseidon paper.
pragma circom 2.1.0;
"""


def circom_source(width: int = RECEIPT_WIDTH) -> str:
    """Functions that give the templates of poseidon.circom their numbers."""
    chosen = parameters(width)
    return "\n".join((HEADING, _sizes(chosen), _constants(chosen), _matrix(chosen)))


def _sizes(chosen: Parameters) -> str:
    return (
        f"function poseidonWidth() {{ return {chosen.width}; }}\n"
        f"function poseidonPartialRounds() {{ return {chosen.partial_rounds}; }}\n"
    )


def _constants(chosen: Parameters) -> str:
    body = _listed(chosen.constants, "        ")
    return f"function poseidonConstants() {{\n    return [\n{body}\n    ];\n}}\n"


def _matrix(chosen: Parameters) -> str:
    rows = ",\n".join(f"        [\n{_listed(row, '            ')}\n        ]" for row in chosen.matrix)
    return f"function poseidonMatrix() {{\n    return [\n{rows}\n    ];\n}}\n"


def _listed(numbers: Sequence[int], indent: str) -> str:
    return ",\n".join(f"{indent}{number}" for number in numbers)


if __name__ == "__main__":
    sys.stdout.write(circom_source())
