"""A CID has one writing, and nothing else is read as one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receipts.content.access import BadCid
from receipts.content.cid import DAG_PB, RAW, Cid, from_binary, parse

DIGESTS = st.binary(min_size=32, max_size=32)
HELLO_V0 = "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"
HELLO_V1 = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"


@given(st.sampled_from([(0, DAG_PB), (1, DAG_PB), (1, RAW)]), DIGESTS)
def test_an_identifier_survives_text_and_bytes(kind: tuple[int, int], digest: bytes) -> None:
    cid = Cid(*kind, digest)
    assert parse(str(cid)) == cid
    assert from_binary(cid.binary) == cid


def test_published_names_are_read() -> None:
    assert parse(HELLO_V0).version == 0
    assert parse(HELLO_V1) == Cid(
        1, RAW, bytes.fromhex("b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9")
    )


def test_version_1_is_also_read_in_base58() -> None:
    # The pair is from the CID specification's own examples.
    assert parse("zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA") == parse(
        "bafkreidon73zkcrwdb5iafqtijxildoonbwnpv7dyd6ef3qdgads2jc4su"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Qm",
        HELLO_V0[:-1],
        HELLO_V0 + "1",
        "1" + HELLO_V0,
        HELLO_V0.replace("f4", "0O"),
        "z" + HELLO_V0,
        HELLO_V1[:-1],
        HELLO_V1[:-1] + "f",
        HELLO_V1 + "=",
        HELLO_V1.upper(),
        "b" + HELLO_V1[1:].upper(),
        HELLO_V1 + "\n",
        HELLO_V1[1:],
        "b" + base64.b32encode(b"\x01\x70\x12\x20" + bytes(31)).decode().lower().rstrip("="),
        "b" + base64.b32encode(b"\x01\x71\x12\x20" + bytes(32)).decode().lower().rstrip("="),
        "b" + base64.b32encode(b"\x01\x55\x13\x20" + bytes(32)).decode().lower().rstrip("="),
        "b" + base64.b32encode(b"\x12\x20" + bytes(32)).decode().lower().rstrip("="),
        "Q" * 1000,
        "öäü",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadCid):
        parse(text)
