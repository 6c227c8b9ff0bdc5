"""A document has one encoding and one signature form; anything else is refused."""

import msgspec
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from receipts.canonical import NotCanonical, to_hex
from receipts.document import (
    CURVE_ORDER,
    BadSignature,
    ReceiptDocument,
    check_signature,
    decode_document,
    encode_document,
    receipt_id,
    recover,
    sign,
    signed_message,
)
from tests.receipts.documents import COORDINATOR, KEY, WORKER, body, wallet

SIGNED = sign(body(), wallet(KEY))
ENCODED = encode_document(SIGNED)


def with_signature(sig: bytes) -> ReceiptDocument:
    return msgspec.structs.replace(SIGNED, signature=msgspec.structs.replace(SIGNED.signature, sig=to_hex(sig)))


def test_a_signed_document_survives_its_encoding_and_names_its_signer() -> None:
    assert decode_document(ENCODED) == SIGNED
    assert recover(SIGNED) == WORKER
    check_signature(SIGNED)


def test_the_signature_is_what_wallets_make_of_the_canonical_body() -> None:
    signer = Account.recover_message(encode_defunct(signed_message(SIGNED)), signature=SIGNED.signature.sig)
    assert signer.lower() == SIGNED.provider
    assert b"signature" not in signed_message(SIGNED)


def test_a_receipt_is_known_by_chain_coordinator_and_job() -> None:
    assert receipt_id(31337, COORDINATOR, 5) == f"31337-0x{'09' * 20}-5"


def test_signing_for_another_provider_is_refused() -> None:
    with pytest.raises(BadSignature, match="but names 0x2222"):
        sign(body(provider="0x" + "22" * 20), wallet(KEY))


def test_any_character_changed_is_refused() -> None:
    for at in range(len(ENCODED)):
        changed = ENCODED[:at] + bytes([ENCODED[at] ^ 1]) + ENCODED[at + 1 :]
        with pytest.raises((NotCanonical, BadSignature)):
            check_signature(decode_document(changed))


@pytest.mark.parametrize(
    "changed",
    [
        ENCODED + b"\n",
        b" " + ENCODED,
        ENCODED.replace(b'":', b'": ', 1),
        ENCODED.replace(b'"units":15', b'"units":15.0'),
        ENCODED.replace(b'"units":15', b'"units":15,"units":15'),
        ENCODED.replace(b'"units":15', b'"unitt":1,"units":15'),
        ENCODED.replace(b'"temperature":0.0', b'"temperature":0'),
        ENCODED.replace(b'"vllm"', b'"\\u0076llm"'),
        ENCODED.replace(b'"job_id":"5"', b'"job_id":"5\\n"'),
        ENCODED.replace(b'"job_id":"5"', b'"job_id":"05"'),
        b"[" * 100_000,
        b"\xff",
        b"",
    ],
)
def test_any_other_writing_of_the_same_document_is_refused(changed: bytes) -> None:
    with pytest.raises(NotCanonical):
        decode_document(changed)


def test_a_signature_in_the_upper_half_is_refused_though_it_recovers() -> None:
    sig = bytes.fromhex(SIGNED.signature.sig[2:])
    flipped = (CURVE_ORDER - int.from_bytes(sig[32:64], "big")).to_bytes(32, "big")
    with pytest.raises(BadSignature, match="lower half"):
        recover(with_signature(sig[:32] + flipped + bytes([55 - sig[64]])))


@pytest.mark.parametrize("sig", [bytes(65), bytes(64) + b"\x1b", b"\xff" * 64 + b"\x1b", bytes([1] * 64) + b"\x00"])
def test_a_signature_that_cannot_be_one_is_refused(sig: bytes) -> None:
    with pytest.raises(BadSignature):
        recover(with_signature(sig))
