"""A value has one JSON encoding, and only that one is read."""

import pytest
from msgspec import Struct

from receipts.canonical import Decimal, Hex, NotCanonical, Word, decode, encode, to_bytes, to_hex, to_word


class Sample(Struct):
    b: float
    a: str = ""


class Texts(Struct):
    hex: Hex = "0x"
    word: Word = to_word(0)
    decimal: Decimal = "0"


def test_keys_are_sorted_and_nothing_is_spaced_out() -> None:
    assert encode(Sample(b=1.0, a="é\n")) == '{"a":"é\\n","b":1.0}'.encode()
    assert encode({"b": 1, "a": {"d": 2, "c": 3}}) == b'{"a":{"c":3,"d":2},"b":1}'


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1.0,"a":""}',
        b'{"a":"","b":1}',
        b'{"a":"","b":1e0}',
        b'{"a":"","b":1.00}',
        b'{"a":"","b":-0}',
        b'{"a":"\\u0041","b":1.0}',
        b'{"a":"\\/","b":1.0}',
        b'{"a":"","a":"","b":1.0}',
        b'{"a":"","b":1.0,"c":0}',
        b'{"b":1.0}',
        b'{"a":"\xff","b":1.0}',
        b'{"a":"\\ud800","b":1.0}',
    ],
)
def test_any_other_encoding_of_a_value_is_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical, match="sample"):
        decode(data, Sample, "sample")


@pytest.mark.parametrize(
    "changed",
    [
        Texts(hex="0x0"),
        Texts(hex="0xAA"),
        Texts(hex="aa"),
        Texts(hex="0xaa\n"),
        Texts(word=to_word(0) + "\n"),
        Texts(word=to_word(0)[:-1]),
        Texts(decimal="01"),
        Texts(decimal="-1"),
        Texts(decimal="1\n"),
        Texts(decimal="٣"),
        Texts(decimal=""),
    ],
)
def test_numbers_and_bytes_have_one_writing(changed: Texts) -> None:
    assert decode(encode(Texts()), Texts, "sample") == Texts()
    with pytest.raises(NotCanonical):
        decode(encode(changed), Texts, "sample")


def test_hex_stands_for_bytes_and_back() -> None:
    assert to_bytes(to_hex(b"\x00\xff")) == b"\x00\xff"
    assert to_bytes(to_word(258))[-2:] == b"\x01\x02"
