"""Honest statements to prove, and strategies for them."""

import hashlib

from hypothesis import strategies as st

from receipts.poseidon import FIELD
from receipts.statement import PrivatePart, PublicInputs, Terms, job_key, state

CHAIN_ID = 31337
COORDINATOR = bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3")
WORKER = bytes.fromhex("70997970c51812dc3a010c7d01b50e0d17dc79c8")
CID = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"
TERMS = Terms(1024, 3 * 10**12, 9 * 10**12)

tokens = st.integers(0, 2**32 - 1)
prices = st.integers(0, 2**96 - 1)
digests = st.binary(min_size=32, max_size=32)


def private_part(index: int = 0) -> PrivatePart:
    return PrivatePart(
        prompt_digest=_digest("prompt", index),
        response_digest=_digest("response", index),
        model_digest=_digest("model", 0),
        prompt_tokens=512 + index,
        completion_tokens=128 + index,
        started_at=1_760_000_000_000 + index,
        completed_at=1_760_000_004_321 + index,
        salt=int.from_bytes(_digest("salt", index)) % FIELD,
    )


def honest(index: int = 0) -> tuple[PrivatePart, PublicInputs]:
    """The two sides of one true statement."""
    private = private_part(index)
    return private, state(private, TERMS, job_key(CHAIN_ID, COORDINATOR, index, WORKER, CID))


@st.composite
def honest_statements(draw: st.DrawFn) -> tuple[PrivatePart, PublicInputs]:
    """Any statement that holds, up to the bounds of every field."""
    started_at = draw(st.integers(0, 2**48 - 1))
    private = PrivatePart(
        prompt_digest=draw(digests),
        response_digest=draw(digests),
        model_digest=draw(digests),
        prompt_tokens=draw(tokens),
        completion_tokens=draw(tokens),
        started_at=started_at,
        completed_at=started_at + draw(st.integers(0, 2**40 - 1)),
        salt=draw(st.integers(0, FIELD - 1)),
    )
    terms = Terms(draw(st.integers(private.completion_tokens, 2**32 - 1)), draw(prices), draw(prices))
    return private, state(private, terms, draw(st.integers(0, 2**248 - 1)))


def _digest(what: str, index: int) -> bytes:
    return hashlib.sha256(f"{what} {index}".encode()).digest()
