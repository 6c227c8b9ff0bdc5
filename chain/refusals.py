"""A JSON-RPC error object goes in; the error of ours that says whether repeating may help comes out."""

from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from msgspec import Struct

from chain.errors import ChainError, Missing, Overloaded, Refused, Reverted

ERROR_SELECTOR = bytes.fromhex("08c379a0")
PANIC_SELECTOR = bytes.fromhex("4e487b71")
REVERTED_CODE = 3
LIMITED_CODES = frozenset({429, -32005, -32016, -32029})
INTERNAL_CODE = -32603
BUSY = ("rate limit", "too many requests", "limit exceeded", "timeout", "timed out", "try again", "unavailable")
LAGGING = ("header not found", "block not found", "unknown block", "blockoutofrange", "missing trie node")
PANICS = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x32: "index out of bounds",
}


class RpcError(Struct, frozen=True):
    """The `error` member of a JSON-RPC answer."""

    code: int
    message: str = ""
    data: Any = None


def to_error(method: str, error: RpcError) -> ChainError:
    """What to raise for the refusal of a call."""
    said = f"{method}: {error.message or 'refused without a reason'} (code {error.code})"
    text = error.message.lower()
    if error.code == REVERTED_CODE or "revert" in text:
        reason = revert_reason(error.data)
        return Reverted(f"{method}: reverted: {reason or error.message}", reason, error.data)
    if any(words in text for words in LAGGING):
        return Missing(said)
    if error.code in LIMITED_CODES or error.code == INTERNAL_CODE or any(words in text for words in BUSY):
        return Overloaded(said)
    return Refused(said, error.code, error.data)


def revert_reason(data: object) -> str:
    """The text in a revert's return data: of `Error(string)`, of a panic, or else the selector of a custom error."""
    raw = _raw(data)
    try:
        if raw.startswith(ERROR_SELECTOR):
            return str(decode(["string"], raw[4:])[0])
        if raw.startswith(PANIC_SELECTOR):
            (code,) = decode(["uint256"], raw[4:])
            return PANICS.get(code, f"panic {code:#x}")
    except (DecodingError, UnicodeDecodeError, OverflowError):
        return f"malformed reason 0x{raw.hex()}"
    return f"0x{raw[:4].hex()}" if len(raw) >= 4 else ""


def _raw(data: object) -> bytes:
    if isinstance(data, dict):
        data = data.get("data")
    if not isinstance(data, str):
        return b""
    try:
        return bytes.fromhex(data.removeprefix("0x"))
    except ValueError:
        return b""
