"""Eight words in, a Groth16 proof out, or the reason why they are none: the only door for proofs from outside.

Proofs are malleable: (-A, -B, C) verifies where (A, B, C) does, and anybody can randomise a proof anew. So a receipt is
identified by its job, never by its proof.
"""

import re
from collections.abc import Sequence

from msgspec import Struct

from .curve import G1, G2, NotAPoint, require_g1, require_g2

PROOF_WORDS = 8

_WORD = re.compile("0x[0-9a-f]{64}")


class BadProof(ValueError):
    """Words that encode no proof."""


class Proof(Struct, frozen=True):
    """A in G1, B in G2, C in G1; made by `decode`, or by a prover from points that its library computed."""

    a: G1
    b: G2
    c: G1

    @property
    def words(self) -> tuple[int, ...]:
        """The eight words that the contract takes."""
        return (*self.a, *self.b, *self.c)

    @property
    def text(self) -> tuple[str, ...]:
        """The words as documents write them."""
        return tuple(f"0x{word:064x}" for word in self.words)


def decode(words: Sequence[int]) -> Proof:
    """The proof that the contract's eight words encode. Raises BadProof."""
    if len(words) != PROOF_WORDS:
        raise BadProof(f"a proof has {PROOF_WORDS} words, not {len(words)}")
    ax, ay, x_imaginary, x_real, y_imaginary, y_real, cx, cy = words
    try:
        return Proof(
            require_g1((ax, ay), "the proof's A"),
            require_g2((x_imaginary, x_real, y_imaginary, y_real), "the proof's B"),
            require_g1((cx, cy), "the proof's C"),
        )
    except NotAPoint as fault:
        raise BadProof(str(fault)) from None


def decode_text(words: Sequence[str]) -> Proof:
    """The proof that a document's eight words encode. Raises BadProof."""
    for word in words:
        if not _WORD.fullmatch(word):
            raise BadProof(f"proof word {word!r} is not 0x and 64 lower-case hex digits")
    return decode([int(word, 16) for word in words])
