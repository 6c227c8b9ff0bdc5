"""A proving key, then witnesses in, proofs out: Groth16 by groth16py (GPL-3.0), an extra that is loaded when chosen."""

import struct
import tempfile
from pathlib import Path

import groth16py

from .poseidon import FIELD
from .proof import PROOF_WORDS, Proof
from .witness import WORD_BYTES, Witness


class Groth16pyArithmetic:
    """The library reads files only: key and witnesses pass through private ones that are gone right after."""

    def __init__(self, proving_key: bytes) -> None:
        with tempfile.NamedTemporaryFile(suffix=".zkey") as file:
            file.write(proving_key)
            file.flush()
            self._key, _ = groth16py.import_zkey(file.name)

    def __call__(self, witness: Witness) -> Proof:
        with tempfile.NamedTemporaryFile(suffix=".wtns") as file:
            file.write(wtns(witness))
            file.flush()
            data = groth16py.prove_wtns(self._key, str(Path(file.name)))
        words = struct.unpack(f"{WORD_BYTES}s" * PROOF_WORDS, data)
        ax, ay, x_imaginary, x_real, y_imaginary, y_real, cx, cy = (int.from_bytes(word, "big") for word in words)
        return Proof((ax, ay), (x_imaginary, x_real, y_imaginary, y_real), (cx, cy))


def wtns(witness: Witness) -> bytes:
    """A witness as snarkjs's file: a header with the field's modulus, then the values."""
    header = struct.pack("<I", WORD_BYTES) + FIELD.to_bytes(WORD_BYTES, "little") + struct.pack("<I", len(witness))
    body = b"".join([value.to_bytes(WORD_BYTES, "little") for value in witness])
    sections = ((1, header), (2, body))
    parts = [struct.pack("<IQ", number, len(data)) + data for number, data in sections]
    return b"wtns" + struct.pack("<II", 2, len(sections)) + b"".join(parts)
