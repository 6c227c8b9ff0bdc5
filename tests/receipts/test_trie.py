"""Roots equal Ethereum's published ones; a proof shows its own value and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trie import HexaryTrie  # type: ignore[import-untyped]

from receipts import rlp
from receipts.trie import EMPTY_ROOT, ProofRefused, prove, trie_root, verify_proof

ENTRIES = st.dictionaries(
    st.binary(min_size=0, max_size=4), st.binary(min_size=1, max_size=40), min_size=1, max_size=25
)
RECEIPTS = [(rlp.encode_integer(index), bytes([index]) * (index + 1)) for index in range(200)]

# From the trie tests that Ethereum's clients share (trieanyorder.json).
PUBLISHED = [
    ({"A": "a" * 50}, "d23786fb4a010da3ce639d66d5e904a11dbc02746d1ce25029e53290cabf28ab"),
    (
        {"doe": "reindeer", "dog": "puppy", "dogglesworth": "cat"},
        "8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3",
    ),
    (
        {"do": "verb", "horse": "stallion", "doge": "coin", "dog": "puppy"},
        "5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84",
    ),
    ({"foo": "bar", "food": "bass"}, "17beaa1648bafa633cda809c90c04af50fc8aed3cb40d16efbddee6fdf63c4c3"),
    (
        {"be": "e", "dog": "puppy", "bed": "d"},
        "3f67c7a47520f79faa29255d2d3c084a7a6df0453116ed7232ff10277a8be68b",
    ),
]


@pytest.mark.parametrize(("words", "root"), PUBLISHED)
def test_the_root_is_the_published_one(words: dict[str, str], root: str) -> None:
    entries = [(key.encode(), value.encode()) for key, value in words.items()]
    assert trie_root(entries).hex() == root
    assert trie_root(reversed(entries)).hex() == root


def test_the_root_of_nothing_is_the_hash_of_the_empty_string_encoded() -> None:
    assert trie_root([]) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"


@given(ENTRIES)
def test_the_root_is_what_a_trie_grown_key_by_key_has(entries: dict[bytes, bytes]) -> None:
    grown = HexaryTrie({})
    for key, value in entries.items():
        grown[key] = value
    assert trie_root(entries.items()) == grown.root_hash


@given(ENTRIES)
def test_every_key_has_a_proof_that_shows_its_value(entries: dict[bytes, bytes]) -> None:
    root = trie_root(entries.items())
    for key, value in entries.items():
        assert verify_proof(root, key, prove(entries.items(), key)) == value


@given(ENTRIES, st.binary(max_size=4))
def test_a_key_that_is_absent_has_no_proof(entries: dict[bytes, bytes], key: bytes) -> None:
    entries.pop(key, None)
    with pytest.raises(ProofRefused):
        prove(entries.items(), key)


def test_a_proof_is_refused_for_another_key_or_another_root() -> None:
    root, proof = trie_root(RECEIPTS), prove(RECEIPTS, rlp.encode_integer(150))
    with pytest.raises(ProofRefused):
        verify_proof(root, rlp.encode_integer(151), proof)
    with pytest.raises(ProofRefused):
        verify_proof(trie_root(RECEIPTS[:-1]), rlp.encode_integer(150), proof)


def test_a_proof_with_a_node_too_few_too_many_or_out_of_order_is_refused() -> None:
    key = rlp.encode_integer(150)
    root, proof = trie_root(RECEIPTS), prove(RECEIPTS, key)
    for changed in ([], proof[:-1], [*proof, proof[-1]], proof[::-1]):
        with pytest.raises(ProofRefused):
            verify_proof(root, key, changed)


def test_a_proof_with_any_bit_changed_is_refused() -> None:
    key = rlp.encode_integer(150)
    root, proof = trie_root(RECEIPTS), prove(RECEIPTS, key)
    for index, node in enumerate(proof):
        for at in range(len(node)):
            changed = [*proof[:index], node[:at] + bytes([node[at] ^ 1]) + node[at + 1 :], *proof[index + 1 :]]
            with pytest.raises(ProofRefused):
                verify_proof(root, key, changed)


def test_an_empty_value_and_a_key_given_twice_are_refused() -> None:
    with pytest.raises(ValueError, match="empty values"):
        trie_root([(b"a", b"")])
    with pytest.raises(ValueError, match="twice"):
        trie_root([(b"a", b"1"), (b"a", b"2")])
