"""A file's bytes in, its blocks and its CID out as `ipfs add` computes them; blocks in, the file's bytes out."""

from collections import deque
from collections.abc import Generator, Iterator

from . import nodes
from .access import CONTENT_BYTES_MAX, Corrupted, TooLarge
from .cid import DAG_PB, RAW, Cid, name_block
from .nodes import Link

CHUNK_BYTES = 262_144
LINKS_MAX = 174
BLOCKS_MAX = 65_536

Block = tuple[Cid, bytes]


def blocks_of(
    data: bytes, version: int = 0, raw_leaves: bool | None = None, chunk: int = CHUNK_BYTES
) -> Iterator[Block]:
    """The blocks of a file, children before parents and the root last; leaves of version 1 are raw unless told."""
    raw = version == 1 if raw_leaves is None else raw_leaves
    level: list[Link] = []
    for start in range(0, max(len(data), 1), chunk):
        piece = data[start : start + chunk]
        block = piece if raw else nodes.encode_leaf(piece)
        cid = name_block(block, 1, RAW) if raw else name_block(block, version, DAG_PB)
        level.append(Link(cid, len(piece), len(block)))
        yield cid, block
    while len(level) > 1:
        groups = [level[at : at + LINKS_MAX] for at in range(0, len(level), LINKS_MAX)]
        level = []
        for group in groups:
            block = nodes.encode_parent(group)
            cid = name_block(block, version, DAG_PB)
            size, whole = sum(link.file_bytes for link in group), sum(link.block_bytes for link in group)
            level.append(Link(cid, size, whole + len(block)))
            yield cid, block


def cid_of(data: bytes, version: int = 0, raw_leaves: bool | None = None) -> Cid:
    """The name that `ipfs add` gives these bytes."""
    root, _ = deque(blocks_of(data, version, raw_leaves), maxlen=1)[0]
    return root


def names_file(cid: Cid, data: bytes) -> bool:
    """Whether `cid` is a name that `ipfs add` gives these bytes, with leaves of either kind."""
    if cid.codec == RAW:
        return cid.names(data)
    return any(cid_of(data, cid.version, raw_leaves) == cid for raw_leaves in (False, True))


def reading(root: Cid, bytes_max: int = CONTENT_BYTES_MAX) -> Generator[Cid, bytes, bytes]:
    """Asks for one block after the other and returns the file; every block is hashed again before it is used."""
    parts: list[bytes] = []
    wanted, asked, size, promised = [root], 0, 0, 0
    while wanted:
        asked += 1
        if asked > BLOCKS_MAX:
            raise TooLarge(f"{root} has more than {BLOCKS_MAX} blocks, which no file of ours has")
        cid = wanted.pop()
        node = _open(cid, (yield cid))
        promised = node.file_bytes if asked == 1 else promised
        size += len(node.data)
        if max(size, promised) > bytes_max:
            raise TooLarge(f"{root} has {max(size, promised)} bytes, the limit is {bytes_max}")
        parts.append(node.data)
        wanted.extend(reversed(node.children))
    if size != promised:
        raise Corrupted(f"{root} says it has {promised} bytes, its blocks hold {size}")
    return b"".join(parts)


def _open(cid: Cid, block: bytes) -> nodes.FileNode:
    if not cid.names(block):
        raise Corrupted(f"the block under {cid} does not hash to that name: restore it, or add the content again")
    return nodes.FileNode(block, (), len(block)) if cid.codec == RAW else nodes.decode(block)
