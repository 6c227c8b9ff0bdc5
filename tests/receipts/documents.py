"""A receipt body of an invented job, for tests that need one but no chain."""

from collections.abc import Callable
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct

from receipts.canonical import to_hex, to_word
from receipts.document import Engine, ReceiptBody, Sampling, receipt_id

KEY = bytes([7]) * 32
WORKER = bytes.fromhex(Account.from_key(KEY).address[2:])
COORDINATOR = bytes([9]) * 20


def wallet(key: bytes) -> Callable[[bytes], bytes]:
    """What signs messages with a key, as wallets do."""
    return lambda message: bytes(Account.sign_message(encode_defunct(message), key).signature)


def body(**changes: Any) -> ReceiptBody:
    fields: dict[str, Any] = {
        "receipt_id": receipt_id(31337, COORDINATOR, 5),
        "job_id": "5",
        "provider": to_hex(WORKER),
        "client": "0x" + "11" * 20,
        "units": 15,
        "unit_type": "tokens",
        "price": "300",
        "model": "smollm2-135m-instruct",
        "started_at": 1_760_000_000_000,
        "completed_at": 1_760_000_001_000,
        "chain_id": 31337,
        "coordinator": to_hex(COORDINATOR),
        "prompt_cid": "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD",
        "response_cid": "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
        "model_cid": "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "completion_ids": (1, 2, 3, 4, 5),
        "salt": to_word(77),
        "job_key": to_word(78),
        "terms": to_word(79),
        "amount": "300",
        "commitment": to_word(80),
        "proof": tuple(to_word(n) for n in range(8)),
        "circuit_digest": to_word(81),
        "engine": Engine(name="vllm", version="0.32.0", dtype="float32", device="cpu"),
        "sampling": Sampling(temperature=0.0, top_p=1.0, max_tokens=64),
    }
    return ReceiptBody(**{**fields, **changes})
