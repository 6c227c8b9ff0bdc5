"""Short sorted keys for long texts: a CID or hash comes in, or an expression for one in SQL, its key goes out.

A key is a number, made from the first bytes behind those that all texts of the kind share. Texts that begin alike have
keys that lie together: a range of keys holds all that begin with some text, and a few more. Whoever finds a row by its
key compares the whole text.
"""

BYTES = 8
HEADERS = ("0x", "Qm", "bafybei", "bafkrei")


def says_enough(text: str) -> bool:
    """Whether more is known of a text that begins with `text` than what all have in common."""
    return not any(header.startswith(text) for header in HEADERS)


def range_of(text: str) -> tuple[int, int]:
    """The least and the greatest key of texts that begin with `text`."""
    known = text.removeprefix(_header(text)).encode()[:BYTES]
    return int.from_bytes(known.ljust(BYTES, b"\0")), int.from_bytes(known.ljust(BYTES, b"\xff"))


def sql_key(column: str) -> str:
    cases = " ".join(f"WHEN starts_with({column}, '{each}') THEN {len(each) + 1}" for each in HEADERS)
    known = f"substr({column}, CASE {cases} ELSE 1 END, {BYTES})"
    return f"('0x' || left(rpad(hex({known}), {2 * BYTES}, '0'), {2 * BYTES}))::UBIGINT"


def _header(text: str) -> str:
    return next((header for header in HEADERS if text.startswith(header)), "")
