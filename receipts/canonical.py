"""Values in, their one JSON encoding out; JSON in, the value out, provided that it is that encoding.

Keys are sorted, nothing is spaced out, numbers are written in their shortest form, and text is plain UTF-8.
"""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

Value = TypeVar("Value")

# A pattern's `$` also matches before a final newline: the bound on the length closes that gap.
Word = Annotated[str, Meta(pattern="^0x[0-9a-f]{64}$", max_length=66, description="32 bytes as lower-case hex")]
Address = Annotated[str, Meta(pattern="^0x[0-9a-f]{40}$", max_length=42, description="20 bytes as lower-case hex")]
Hex = Annotated[str, Meta(pattern="^0x([0-9a-f]{2})*(?!\\n)$", description="bytes as lower-case hex")]
Decimal = Annotated[
    str, Meta(pattern="^(0|[1-9][0-9]*)(?!\\n)$", max_length=78, description="an unsigned integer as decimal text")
]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]

_encoder = msgspec.json.Encoder(order="sorted")


class NotCanonical(ValueError):
    """JSON that is malformed, lacks or adds fields, or is written in any other way than ours."""


def encode(value: Any) -> bytes:
    return _encoder.encode(value)


def decode(data: bytes, kind: type[Value], what: str) -> Value:
    """The value that `data` encodes; `what` names it in the error."""
    try:
        value = msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise NotCanonical(f"this is no {what}: {fault}") from None
    again = encode(value)
    if again != data:
        at = next((i for i, (one, other) in enumerate(zip(data, again, strict=False)) if one != other), len(again))
        raise NotCanonical(f"the {what} is not in its one canonical encoding: byte {at} differs")
    return value


def to_bytes(text: str) -> bytes:
    """The bytes of one of the hex types above, which were checked when they were decoded."""
    return bytes.fromhex(text.removeprefix("0x"))


def to_hex(data: bytes) -> str:
    return "0x" + data.hex()


def to_word(number: int) -> str:
    """A number below 2^256 as a word of 32 bytes."""
    return f"0x{number:064x}"
