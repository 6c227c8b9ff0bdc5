"""What a worker says of a job in, the signed receipt document out: one canonical JSON encoding, one signature form.

The signature is EIP-191 over the canonical JSON of everything but the signature; `s` is in the lower half.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from coincurve import PublicKey
from msgspec import Meta, Struct, convert

from .canonical import Address, Count, Decimal, Word, decode, encode, to_bytes, to_hex
from .keccak import keccak256

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DOCUMENT_BYTES_MAX = 4 << 20
TOKENS_MAX = 2**32 - 1

Tokens = Annotated[int, Meta(ge=0, le=TOKENS_MAX)]


class BadSignature(ValueError):
    """A signature that is malformed, not in the lower half, or by somebody else."""


class Engine(Struct, frozen=True, kw_only=True):
    """What ran the model, and in which arithmetic on which kind of device."""

    name: str
    version: str
    dtype: str
    device: str


class Sampling(Struct, frozen=True, kw_only=True):
    """The settings the answer was drawn with, defaults filled in."""

    temperature: float
    top_p: float
    max_tokens: Tokens
    stop: tuple[str, ...] = ()
    seed: int | None = None


class Signature(Struct, frozen=True, kw_only=True):
    """`key_id` is the signer's address; `sig` is r, s and v (27 or 28), 65 bytes."""

    alg: Literal["EIP-191"]
    key_id: Address
    sig: Annotated[str, Meta(pattern="^0x[0-9a-f]{130}$", max_length=132)]


class ReceiptBody(Struct, frozen=True, kw_only=True):
    """What is signed. `price` and `amount` are wei, times are Unix milliseconds, `units` counts all tokens."""

    receipt_id: str
    job_id: Decimal
    provider: Address
    client: Address
    units: Count
    unit_type: Literal["tokens"]
    price: Decimal
    model: str
    started_at: Count
    completed_at: Count
    chain_id: Count
    coordinator: Address
    prompt_cid: str
    response_cid: str
    model_cid: str
    prompt_tokens: Tokens
    completion_tokens: Tokens
    completion_ids: tuple[Tokens, ...]
    salt: Word
    job_key: Word
    terms: Word
    amount: Decimal
    commitment: Word
    proof: Annotated[tuple[Word, ...], Meta(min_length=8, max_length=8)]
    circuit_digest: Word
    engine: Engine
    sampling: Sampling


class ReceiptDocument(ReceiptBody, frozen=True, kw_only=True):
    """The receipt as its worker publishes it."""

    signature: Signature


def receipt_id(chain_id: int, coordinator: bytes, job_id: int) -> str:
    """A receipt is known by its job: proofs of one statement are many, a job has one receipt."""
    return f"{chain_id}-{to_hex(coordinator)}-{job_id}"


def encode_document(document: ReceiptDocument) -> bytes:
    return encode(document)


def decode_document(data: bytes) -> ReceiptDocument:
    """Raises NotCanonical for anything but the one encoding of a document."""
    return decode(data, ReceiptDocument, "receipt document")


def signed_message(body: ReceiptBody) -> bytes:
    """The text that the worker's key signs: the canonical JSON of everything but the signature."""
    return encode(convert(body, ReceiptBody, from_attributes=True))


def sign(body: ReceiptBody, sign_message: Callable[[bytes], bytes]) -> ReceiptDocument:
    """Signs with a callable that gives the EIP-191 signature (r, s, v) of a message; refuses the signature of any key
    but the provider's."""
    signature = Signature(alg="EIP-191", key_id=body.provider, sig=to_hex(sign_message(signed_message(body))))
    fields = {name: getattr(body, name) for name in ReceiptBody.__struct_fields__}
    document = ReceiptDocument(**fields, signature=signature)
    check_signature(document)
    return document


def check_signature(document: ReceiptDocument) -> None:
    """Raises BadSignature unless the document's provider signed it."""
    signature, signer = document.signature, to_hex(recover(document))
    if signature.key_id != signer:
        raise BadSignature(f"the signature is by {signer}, but names {signature.key_id}")
    if document.provider != signer:
        raise BadSignature(f"the signature is by {signer}, but the receipt is of {document.provider}")


def recover(document: ReceiptDocument) -> bytes:
    """The address of whoever signed the document."""
    sig = to_bytes(document.signature.sig)
    r, s, v = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:64], "big"), sig[64]
    if v not in (27, 28):
        raise BadSignature(f"recovery byte {v} is neither 27 nor 28")
    if not (0 < r < CURVE_ORDER and 0 < s <= CURVE_ORDER // 2):
        raise BadSignature("r or s is out of range: s must be in the lower half of the curve's order")
    message = signed_message(document)
    digest = keccak256(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)
    try:
        key = PublicKey.from_signature_and_message(sig[:64] + bytes((v - 27,)), digest, hasher=None)
    except Exception as fault:  # the binding raises bare Exception where no point can be recovered
        raise BadSignature(f"no key can have made this signature: {fault}") from None
    return keccak256(key.format(compressed=False)[1:])[12:]
