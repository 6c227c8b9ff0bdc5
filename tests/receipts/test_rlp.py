"""One encoding for every item, and nothing but that encoding decodes."""

import pytest
import rlp as oracle  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from receipts import rlp

ITEMS = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=5), max_leaves=12)


@given(ITEMS)
def test_an_item_survives_and_is_encoded_as_others_do(item: rlp.Item) -> None:
    assert rlp.encode(item) == oracle.encode(item)
    assert rlp.decode(rlp.encode(item)) == item


@given(st.binary(max_size=40))
def test_bytes_that_decode_are_the_encoding_of_what_they_decode_to(data: bytes) -> None:
    try:
        item = rlp.decode(data)
    except rlp.BadRlp:
        return
    assert rlp.encode(item) == data


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8100",
        "817f",
        "81",
        "b800",
        "b90001",
        "b837",
        "c1",
        "c283",
        "8080",
        "f800",
        "b800ff",
        "bf" + "ff" * 8,
        "c0" * 2,
    ],
)
def test_an_encoding_that_is_not_the_shortest_or_not_whole_is_refused(text: str) -> None:
    with pytest.raises(rlp.BadRlp):
        rlp.decode(bytes.fromhex(text))


def test_lists_nested_without_end_are_refused_before_the_stack_ends() -> None:
    nested = b""
    for _ in range(100):
        nested = rlp.encode_list(nested)
    with pytest.raises(rlp.BadRlp, match="deeper"):
        rlp.decode(nested)


def test_an_integer_has_no_leading_zeros_and_zero_is_empty() -> None:
    assert [rlp.encode_integer(n).hex() for n in (0, 1, 127, 128, 1024)] == ["80", "01", "7f", "8180", "820400"]
    assert rlp.decode_integer(b"\x04\x00") == 1024
    with pytest.raises(rlp.BadRlp, match="leading zero"):
        rlp.decode_integer(b"\x00\x01")
    with pytest.raises(rlp.BadRlp, match="list"):
        rlp.decode_integer([])
