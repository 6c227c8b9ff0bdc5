"""A JSON-RPC error object goes in; the error of ours that says whether repeating may help comes out."""

from typing import Any

import msgspec
from msgspec import Struct

from chain import limits
from chain.errors import ChainError, Denied, Missing, Overloaded, Refused, Reverted, TooManyCalls, TooMuch
from chain.limits import Kind, Limit

ERROR_SELECTOR = bytes.fromhex("08c379a0")
PANIC_SELECTOR = bytes.fromhex("4e487b71")
REVERTED_CODE = 3
LIMITED_CODES = frozenset({429, -32005, -32016, -32029})
INTERNAL_CODE = -32603
NO_METHOD_CODE = -32601
BUSY = ("timeout", "timed out", "try again", "unavailable", "no backend is currently healthy")
LAGGING = (
    "header not found",
    "block not found",
    "unknown block",
    "blockoutofrange",
    "missing trie node",
    "beyond current head block",
    "block not yet imported",
)
DENYING = (
    "archive requests require",
    "does not exist/is not available",
    "method is not whitelisted",
    "not included in your current plan",
    "unsupported method",
    "must authenticate",
    "api key",
)
EXECUTING = ("evm error", "invalid opcode", "out of gas", "stack underflow", "stack limit")
"""A contract's own end, which some nodes call an internal error."""

QUOTA_PAUSE_S = 60.0
"""How long a provider is left alone that says we used up what it gives in a day or month."""

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
    if any(words in text for words in EXECUTING):
        return Refused(said, error.code, error.data)
    if limit := limits.read(method, f"{error.message} {_told(error.data)}"):
        return exceeding(said, limit)
    if error.code in LIMITED_CODES:
        return Overloaded(said, kind="429")
    if error.code == INTERNAL_CODE or any(words in text for words in BUSY):
        return Overloaded(said)
    if error.code == NO_METHOD_CODE or any(words in text for words in DENYING):
        return Denied(said, error.code, error.data)
    return Refused(said, error.code, error.data)


def exceeding(said: str, limit: Limit) -> ChainError:
    """What to raise for a limit that was met."""
    if limit.kind is Kind.BATCH:
        return TooManyCalls(said, limit.suggested, limit.is_lasting)
    if limit.kind in (Kind.RANGE, Kind.ANSWER):
        return TooMuch(said, limit.suggested, limit.is_lasting)
    pause_s = QUOTA_PAUSE_S if limit.kind is Kind.QUOTA else None
    return Overloaded(said, limit.retry_after_s or pause_s, "429")


def revert_reason(data: object) -> str:
    """The text in a revert's return data: of `Error(string)`, of a panic, or else the selector of a custom error."""
    from eth_abi.abi import decode  # slow to import, and hardly ever wanted
    from eth_abi.exceptions import DecodingError

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


def _told(data: object) -> str:
    """What an error's data say beside its message, unless that is a contract's bytes."""
    if data is None or (isinstance(data, str) and data.startswith("0x")):
        return ""
    return msgspec.json.encode(data).decode()[: limits.TEXT_MAX]


def _raw(data: object) -> bytes:
    if isinstance(data, dict):
        data = data.get("data")
    if not isinstance(data, str):
        return b""
    try:
        return bytes.fromhex(data.removeprefix("0x"))
    except ValueError:
        return b""
