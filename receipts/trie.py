"""Key-value entries in, the root of their Merkle-Patricia trie out, and proofs that one entry is among them.

Nodes are built bottom up from sorted entries, so a root costs one pass. Paths are hex text, a character a nibble.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NoReturn

from . import rlp
from .keccak import keccak256

Entry = tuple[bytes, bytes]
EMPTY_ROOT = keccak256(b"\x80")
HASH_BYTES = 32
VALUE_SLOT = 16
_EMPTY = b"\x80"


class ProofRefused(ValueError):
    """A proof that does not show the key's value under the root."""


def trie_root(entries: Iterable[Entry]) -> bytes:
    """The root hash of a trie that holds just these entries; keys are distinct, values are not empty."""
    return _build(entries, {})


def prove(entries: Iterable[Entry], key: bytes) -> list[bytes]:
    """The trie's nodes from its root down to the value of `key`."""
    nodes: dict[bytes, bytes] = {}
    root = _build(entries, nodes)
    proof: list[bytes] = []

    def fetch(digest: bytes) -> bytes:
        proof.append(nodes[digest])
        return nodes[digest]

    if not nodes:
        raise ProofRefused(f"key 0x{key.hex()} is not in an empty trie")
    _walk(root, key.hex(), fetch)
    return proof


def verify_proof(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes:
    """The value that `proof` shows for `key` under `root`; anything short of that, or beyond it, is refused."""
    remaining = iter(proof)

    def fetch(digest: bytes) -> bytes:
        node = next(remaining, None)
        if node is None:
            raise ProofRefused(f"the proof lacks the node 0x{digest.hex()}")
        if keccak256(node) != digest:
            raise ProofRefused(f"a node hashes to 0x{keccak256(node).hex()}, its parent names 0x{digest.hex()}")
        if digest != root and len(node) < HASH_BYTES:
            raise ProofRefused(f"node 0x{node.hex()} is short enough to stand in its parent, yet is named by hash")
        return node

    value = _walk(root, key.hex(), fetch)
    if next(remaining, None) is not None:
        raise ProofRefused("the proof holds nodes beyond the one with the value")
    return value


def _build(entries: Iterable[Entry], nodes: dict[bytes, bytes]) -> bytes:
    items = sorted([(key.hex(), value) for key, value in entries])
    if not items:
        return EMPTY_ROOT
    if any(not value for _, value in items):
        raise ValueError("a trie holds no empty values: an empty value means that the key is absent")
    if any(one[0] == other[0] for one, other in pairwise(items)):
        raise ValueError("a trie holds one value a key: a key occurs twice")
    root = _node(items, 0, nodes)
    nodes[keccak256(root)] = root
    return keccak256(root)


def _node(items: list[tuple[str, bytes]], depth: int, nodes: dict[bytes, bytes]) -> bytes:
    """The encoded node of sorted items that agree in their first `depth` nibbles."""
    first = items[0][0]
    if len(items) == 1:
        return rlp.encode_list(_compact(first[depth:], leaf=True) + rlp.encode_text(items[0][1]))
    last, split, shortest = items[-1][0], depth, min(len(first), len(items[-1][0]))
    while split < shortest and first[split] == last[split]:
        split += 1
    if split > depth:
        child = _reference(_node(items, split, nodes), nodes)
        return rlp.encode_list(_compact(first[depth:split], leaf=False) + child)
    return _branch(items, depth, nodes)


def _branch(items: list[tuple[str, bytes]], depth: int, nodes: dict[bytes, bytes]) -> bytes:
    slots, at = [_EMPTY] * 17, 0
    if len(items[0][0]) == depth:
        slots[VALUE_SLOT], at = rlp.encode_text(items[0][1]), 1
    while at < len(items):
        nibble, end = items[at][0][depth], at + 1
        while end < len(items) and items[end][0][depth] == nibble:
            end += 1
        slots[int(nibble, 16)] = _reference(_node(items[at:end], depth + 1, nodes), nodes)
        at = end
    return rlp.encode_list(b"".join(slots))


def _reference(node: bytes, nodes: dict[bytes, bytes]) -> bytes:
    """How a parent names a node: by hash, or, where it is shorter than a hash, by itself."""
    if len(node) < HASH_BYTES:
        return node
    digest = keccak256(node)
    nodes[digest] = node
    return b"\xa0" + digest


def _compact(path: str, leaf: bool) -> bytes:
    """A path with its kind and parity in front (hex-prefix encoding), as an RLP text."""
    flag = ("3" if leaf else "1") if len(path) % 2 else ("20" if leaf else "00")
    return rlp.encode_text(bytes.fromhex(flag + path))


def _walk(root: bytes, path: str, fetch: Callable[[bytes], bytes]) -> bytes:
    """Descends from the root along `path`, asking for each node named by hash."""
    node = rlp.decode(fetch(root))
    while True:
        step, rest = _step(node, path)
        if rest is None:
            return step if isinstance(step, bytes) and step else _absent(path)
        path = rest
        node = step if isinstance(step, list) else rlp.decode(fetch(_digest(step, path)))


def _step(node: rlp.Item, path: str) -> tuple[rlp.Item, str | None]:
    """The next item on the way and the path left, None where the item is the value."""
    if isinstance(node, list) and len(node) == 17:
        return (node[int(path[0], 16)], path[1:]) if path else (node[VALUE_SLOT], None)
    if not isinstance(node, list) or len(node) != 2 or not isinstance(node[0], bytes):
        raise ProofRefused("a node is neither a branch of 17 items nor a pair of path and item")
    part, leaf = _expand(node[0])
    if leaf:
        return (node[1], None) if part == path else (_absent(path), None)
    return (node[1], path[len(part) :]) if part and path.startswith(part) else (_absent(path), None)


def _expand(compact: bytes) -> tuple[str, bool]:
    text = compact.hex()
    flag, odd = text[:1], text[:1] in ("1", "3")
    if flag not in ("0", "1", "2", "3") or (not odd and text[1:2] != "0"):
        raise ProofRefused(f"path 0x{text} does not begin with one of the four hex-prefix flags")
    return text[1 if odd else 2 :], flag in ("2", "3")


def _digest(item: rlp.Item, path: str) -> bytes:
    if not isinstance(item, bytes) or len(item) != HASH_BYTES:
        _absent(path)
    return item


def _absent(path: str) -> NoReturn:
    raise ProofRefused(f"the trie holds nothing at the rest of the key, '{path}'")
