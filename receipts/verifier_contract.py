"""A verifying key in, contracts/ReceiptVerifier.vy out: Groth16 on the chain, one proof or a batch in one pairing call.

`python -m receipts.verifier_contract [FOLDER]` prints the contract of a folder's keys, else of the committed ones; a
ceremony's keys take effect by deploying what it prints as contracts/ReceiptVerifier.vy.

A batch checks a random linear combination of its proofs: weights of 128 bits are drawn from a hash of everything in it,
so a false proof passes with probability 2^-128. The pairing call is the form that reverts on failure: a call that ran
out of gas must not read as an invalid proof.
"""

import sys
from pathlib import Path
from typing import Any

from .curve import negated_g1, negated_g2
from .deployment import key_digest
from .keys import load_keys
from .settings import ReceiptSettings
from .verifying_key import PUBLIC_INPUTS, VerifyingKey, parse_verifying_key

BATCH_MAX = 32
PAIR_WORDS = 6

_HEADING = """# pragma version 0.4.3
# pragma optimize gas
# SPDX-License-Identifier: Apache-2.0
\"\"\"
@title ReceiptVerifier
@license Apache-2.0
@notice Checks Groth16 proofs of the receipt circuit (contracts/circuits/receipt.circom). Written by
        `python -m receipts.verifier_contract` from the verifying key; never edited by hand.
@dev A proof is A.x, A.y, B.x imaginary, B.x real, B.y imaginary, B.y real, C.x, C.y. Public inputs are jobKey, terms,
     amount, commitment. A proof is malleable: (-A, -B, C) verifies as well, so never identify a receipt by its proof.
\"\"\"

FIELD: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
PAIRING: constant(address) = 0x0000000000000000000000000000000000000008
"""

_SINGLE = """
@external
@view
def circuitDigest() -> bytes32:
    \"\"\"
    @notice SHA-256 of the verifying key's canonical JSON
    \"\"\"
    return DIGEST


@external
@view
def verify(proof: uint256[8], inputs: uint256[4]) -> bool:
    \"\"\"
    @notice Whether the proof shows the statement for these public inputs
    @dev Reverts for an input that is not below the field's modulus and for coordinates that are no point
    \"\"\"
    known: uint256[2] = INPUT_0
{known}
    result: Bytes[32] = raw_call(
        PAIRING,
        abi_encode(
            proof[0], proof[1], proof[2], proof[3], proof[4], proof[5],
            NEGATED_ALPHA, BETA, known, NEGATED_GAMMA, proof[6], proof[7], NEGATED_DELTA,
        ),
        max_outsize=32,
        is_static_call=True,
    )
    return convert(result, uint256) == 1
"""

_BATCH = """
@external
@view
def verifyBatch(proofs: DynArray[uint256[8], {batch}], inputs: DynArray[uint256[4], {batch}]) -> bool:
    \"\"\"
    @notice Whether every proof shows the statement for its public inputs
    @dev Reverts for an empty batch, for unequal lengths, and where `verify` does
    \"\"\"
    count: uint256 = len(proofs)
    assert count > 0, "the batch is empty"
    assert len(inputs) == count, "proofs and inputs differ in number"
    seed: bytes32 = keccak256(abi_encode(proofs, inputs))
    pairs: uint256[{words}] = empty(uint256[{words}])
    sums: uint256[4] = empty(uint256[4])
    c: uint256[2] = empty(uint256[2])
    weights: uint256 = 0
    at: uint256 = 0
    for i: uint256 in range(count, bound={batch}):
        weight: uint256 = 1
        ai: uint256[2] = [proofs[i][0], proofs[i][1]]
        ci: uint256[2] = [proofs[i][6], proofs[i][7]]
        if i != 0:
            weight = convert(keccak256(concat(seed, convert(i, bytes32))), uint256) >> 128
            ai = ecmul(ai, weight)
            ci = ecmul(ci, weight)
        weights = unsafe_add(weights, weight)
{sums}
        c = ecadd(c, ci)
        pairs[at] = ai[0]
        pairs[unsafe_add(at, 1)] = ai[1]
        pairs[unsafe_add(at, 2)] = proofs[i][2]
        pairs[unsafe_add(at, 3)] = proofs[i][3]
        pairs[unsafe_add(at, 4)] = proofs[i][4]
        pairs[unsafe_add(at, 5)] = proofs[i][5]
        at = unsafe_add(at, 6)
    known: uint256[2] = ecmul(INPUT_0, weights)
{known}
    alpha: uint256[2] = ecmul(NEGATED_ALPHA, weights)
{tail}
    result: Bytes[32] = raw_call(
        PAIRING,
        slice(abi_encode(pairs), 0, (at + {tail_words}) * 32),
        max_outsize=32,
        is_static_call=True,
    )
    return convert(result, uint256) == 1
"""

_TOO_LARGE = '"an input is not below the field\'s modulus"'


def vyper_source(verifying_key: dict[str, Any]) -> str:
    """The verifier's source; `verifying_key` is snarkjs's JSON. Raises BadVerifyingKey."""
    key = parse_verifying_key(verifying_key)
    return (
        _HEADING + _constants(key, key_digest(verifying_key)) + "\n" + _SINGLE.format(known=_known()) + "\n" + _batch()
    )


def _constants(key: VerifyingKey, digest: bytes) -> str:
    points = {
        "NEGATED_ALPHA": negated_g1(key.alpha),
        "BETA": key.beta,
        "NEGATED_GAMMA": negated_g2(key.gamma),
        "NEGATED_DELTA": negated_g2(key.delta),
    } | {f"INPUT_{index}": point for index, point in enumerate(key.inputs)}
    lines = [f"DIGEST: constant(bytes32) = 0x{digest.hex()}"]
    lines += [_constant(name, point) for name, point in points.items()]
    return "\n".join(lines) + "\n"


def _constant(name: str, words: tuple[int, ...]) -> str:
    listed = ",\n".join(f"    {word}" for word in words)
    return f"{name}: constant(uint256[{len(words)}]) = [\n{listed},\n]"


def _known() -> str:
    """Adds each public input's point, times the input, to the point of those that are known to everybody."""
    return "\n".join(
        f"    assert inputs[{index}] < FIELD, {_TOO_LARGE}\n"
        f"    known = ecadd(known, ecmul(INPUT_{index + 1}, inputs[{index}]))"
        for index in range(PUBLIC_INPUTS)
    )


def _batch() -> str:
    inputs = range(PUBLIC_INPUTS)
    tail = _tail()
    return _BATCH.format(
        batch=BATCH_MAX,
        words=(BATCH_MAX * PAIR_WORDS) + len(tail),
        sums="\n".join(
            f"        assert inputs[i][{index}] < FIELD, {_TOO_LARGE}\n"
            f"        sums[{index}] = uint256_addmod("
            f"sums[{index}], uint256_mulmod(weight, inputs[i][{index}], FIELD), FIELD)"
            for index in inputs
        ),
        known="\n".join(f"    known = ecadd(known, ecmul(INPUT_{index + 1}, sums[{index}]))" for index in inputs),
        tail="\n".join(f"    pairs[unsafe_add(at, {offset})] = {word}" for offset, word in enumerate(tail)),
        tail_words=len(tail),
    )


def _tail() -> list[str]:
    """The three pairs that a batch shares: alpha with beta, the public inputs with gamma, the sum of C with delta."""
    pairs = (("alpha", "BETA"), ("known", "NEGATED_GAMMA"), ("c", "NEGATED_DELTA"))
    return [f"{name}[{index}]" for g1, g2 in pairs for name, size in ((g1, 2), (g2, 4)) for index in range(size)]


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ReceiptSettings().keys_folder)
    sys.stdout.write(vyper_source(load_keys(folder).verifying_key_json))
