"""What the text in a search box may be read as: a number, hex digits, a content identifier, a name."""

import re

from msgspec import Struct

LENGTH_MAX = 128
HEX_MIN = 8
"""So many digits without `0x` are taken for hex: fewer are more often a word or a number."""

CONTENT_MIN = 4

_WRAPPINGS = ("ipfs://", "/ipfs/", "#")
_NUMBER = re.compile(r"[0-9]{1,18}")
_HEX = re.compile(r"0x[0-9a-f]{1,64}")
_BARE_HEX = re.compile(rf"[0-9a-f]{{{HEX_MIN},64}}")
_CONTENT = re.compile(rf"[0-9A-Za-z]{{{CONTENT_MIN},{LENGTH_MAX}}}")


class Terms(Struct, frozen=True):
    """The readings of one text, None for what it cannot be. `hex` has its `0x` and is in lower case, as in tables."""

    name: str
    number: int | None = None
    hex: str | None = None
    content: str | None = None


def read(text: str) -> Terms:
    name = text.strip()
    for wrapping in _WRAPPINGS:
        name = name.removeprefix(wrapping)
    lower = name.lower()
    found = lower if _HEX.fullmatch(lower) else f"0x{lower}" if _BARE_HEX.fullmatch(lower) else None
    return Terms(
        name=name[:LENGTH_MAX],
        number=int(name) if _NUMBER.fullmatch(name) else None,
        hex=found,
        content=name if _CONTENT.fullmatch(name) and not name.isdigit() and not lower.startswith("0x") else None,
    )
