"""A job's terms and what a worker measured in, the public inputs of its receipt out: the statement that is proved.

*I know a receipt, bound to this job, this worker, this coordinator on this chain and this response, whose committed
token counts cost exactly `amount` at the job's prices, whose completion is not above the job's maximum, and whose times
are in order.* It does not say that the counts are true, nor that the model computed the answer.
"""

import secrets

from msgspec import Struct

from .keccak import keccak256
from .poseidon import FIELD, poseidon, require_field

DOMAIN_TAG = 0x74616C6C792E7631  # "tally.v1"
TOKENS_BITS = 32
PRICE_BITS = 96
TIME_BITS = 48
DURATION_BITS = 40
DIGEST_BYTES = 32
LIMB_BITS = 128
ADDRESS_BYTES = 20


class NotInStatement(ValueError):
    """A value that the circuit has no room for."""


class FalseStatement(ValueError):
    """A statement that does not hold: no proof of it can be made."""


class Terms(Struct, frozen=True):
    """What the contract fixed when the job was ordered; prices are wei for one token."""

    max_tokens: int
    price_prompt_token: int
    price_completion_token: int

    def __post_init__(self) -> None:
        _require_bits(self.max_tokens, TOKENS_BITS, "max_tokens")
        _require_bits(self.price_prompt_token, PRICE_BITS, "price_prompt_token")
        _require_bits(self.price_completion_token, PRICE_BITS, "price_completion_token")

    def pack(self) -> int:
        """One word, as the contract's `termsOf`."""
        return (
            self.max_tokens
            | self.price_prompt_token << TOKENS_BITS
            | self.price_completion_token << TOKENS_BITS + PRICE_BITS
        )

    def amount(self, prompt_tokens: int, completion_tokens: int) -> int:
        """What these tokens cost, in wei."""
        return prompt_tokens * self.price_prompt_token + completion_tokens * self.price_completion_token


class PrivatePart(Struct, frozen=True, kw_only=True):
    """What is committed to and not shown. Digests are SHA-256 of contents, times Unix milliseconds."""

    prompt_digest: bytes
    response_digest: bytes
    model_digest: bytes
    prompt_tokens: int
    completion_tokens: int
    started_at: int
    completed_at: int
    salt: int

    def __post_init__(self) -> None:
        for name in ("prompt_digest", "response_digest", "model_digest"):
            _require_length(getattr(self, name), DIGEST_BYTES, name)
        _require_bits(self.prompt_tokens, TOKENS_BITS, "prompt_tokens")
        _require_bits(self.completion_tokens, TOKENS_BITS, "completion_tokens")
        _require_bits(self.started_at, TIME_BITS, "started_at")
        _require_bits(self.completed_at - self.started_at, DURATION_BITS, "completed_at less started_at")
        require_field(self.salt, "salt")

    @property
    def duration(self) -> int:
        return self.completed_at - self.started_at

    def commitment(self, job_key: int) -> int:
        """Poseidon over tag, job and private part: it binds to all and shows nothing."""
        measured = (
            self.prompt_tokens | self.completion_tokens << 32 | self.started_at << 64 | self.duration << 64 + TIME_BITS
        )
        digests = (*limbs(self.prompt_digest), *limbs(self.response_digest), *limbs(self.model_digest))
        return poseidon((DOMAIN_TAG, job_key, *digests, self.salt, measured))


class PublicInputs(Struct, frozen=True):
    """What everybody sees, in the order of the circuit: the contract computes the first two from its storage."""

    job_key: int
    terms: int
    amount: int
    commitment: int

    def __post_init__(self) -> None:
        for name in ("job_key", "terms", "amount", "commitment"):
            require_field(getattr(self, name), name)

    @property
    def words(self) -> tuple[int, int, int, int]:
        return self.job_key, self.terms, self.amount, self.commitment


def unpack_terms(packed: int) -> Terms:
    """The inverse of `Terms.pack`."""
    _require_bits(packed, TOKENS_BITS + 2 * PRICE_BITS, "terms")
    prices = packed >> TOKENS_BITS
    return Terms(_low(packed, TOKENS_BITS), _low(prices, PRICE_BITS), prices >> PRICE_BITS)


def job_key(chain_id: int, coordinator: bytes, job_id: int, worker: bytes, response_cid: str) -> int:
    """As the contract's `jobKey`: keccak256 of the five words, less its low byte, which makes it a field element."""
    _require_bits(chain_id, 256, "chain_id")
    _require_bits(job_id, 256, "job_id")
    _require_length(coordinator, ADDRESS_BYTES, "coordinator")
    _require_length(worker, ADDRESS_BYTES, "worker")
    words = (
        chain_id.to_bytes(32, "big"),
        coordinator.rjust(32, b"\0"),
        job_id.to_bytes(32, "big"),
        worker.rjust(32, b"\0"),
        keccak256(response_cid.encode()),
    )
    return int.from_bytes(keccak256(b"".join(words)), "big") >> 8


def state(private: PrivatePart, terms: Terms, key: int) -> PublicInputs:
    """The public side of a receipt for the job of this key. Raises FalseStatement."""
    if private.completion_tokens > terms.max_tokens:
        raise FalseStatement(
            f"{private.completion_tokens} completion tokens are more than max_tokens {terms.max_tokens}"
        )
    amount = terms.amount(private.prompt_tokens, private.completion_tokens)
    return PublicInputs(key, terms.pack(), amount, private.commitment(key))


def new_salt() -> int:
    """Fresh randomness, without which a commitment to guessable contents could be opened by guessing."""
    return secrets.randbelow(FIELD)


def limbs(digest: bytes) -> tuple[int, int]:
    """A digest as two field elements of 128 bits, the high one first."""
    number = int.from_bytes(digest, "big")
    return number >> LIMB_BITS, _low(number, LIMB_BITS)


def _low(number: int, bits: int) -> int:
    return number & ((1 << bits) - 1)


def _require_bits(value: int, bits: int, name: str) -> None:
    if not 0 <= value < 1 << bits:
        raise NotInStatement(f"{name} is {value}: it must be at least 0 and below 2^{bits}")


def _require_length(value: bytes, length: int, name: str) -> None:
    if len(value) != length:
        raise NotInStatement(f"{name} has {len(value)} bytes: it must have {length}")
