"""Names equal those of other implementations, whatever the size; blocks give the file back or are refused.

Computed names are by npm's ipfs-unixfs-importer (chunks as given, 174 links, balanced); published ones also
stand in documents and forums of IPFS.
"""

import hashlib
from collections.abc import Callable

import pytest

from receipts.content import nodes, unixfs
from receipts.content.access import Corrupted, TooLarge
from receipts.content.cid import DAG_PB, Cid, name_block, parse

pytestmark = pytest.mark.thorough

CHUNK = unixfs.CHUNK_BYTES
FULL = unixfs.LINKS_MAX * CHUNK

PUBLISHED = [
    (b"", 0, "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
    (b"hello world", 0, "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"),
    (b"hello world\n", 0, "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"),
    (b"hello world", 1, "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
]

# bytes, version, raw leaves, chunk, name, different blocks
COMPUTED = [
    (0, 1, True, CHUNK, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", 1),
    (1, 0, False, CHUNK, "QmevPF6SCF3M8PXfgRPik8nJzFbb116QdcYCsxMs5KHNKz", 1),
    (1, 1, True, CHUNK, "bafkreibthyfb4j4blugo5zk4i476hxet2vwghy564kz3jlxi53lnoamrum", 1),
    (1, 0, True, CHUNK, "bafkreibthyfb4j4blugo5zk4i476hxet2vwghy564kz3jlxi53lnoamrum", 1),
    (1, 1, False, CHUNK, "bafybeihwl5ae2lpvgleloqj4yq5j7czbmhvmy4ttx3iowrylwu32dxwf4e", 1),
    (CHUNK - 1, 0, False, CHUNK, "QmdN4zrkDGBNbfmEzJxX6yGMJHg92uzNuUSzZEB6jSSLYz", 1),
    (CHUNK - 1, 1, True, CHUNK, "bafkreiemr3m53qidjn642z64ddwd7b3t6535mznackhknnag2mkywrssnm", 1),
    (CHUNK, 0, False, CHUNK, "QmNqiRjcHBbdSY7VdE4ZPUkgYD2nhWyPDV3LVYGZaNoVB6", 1),
    (CHUNK, 1, True, CHUNK, "bafkreibuo3kyvzqid77mxyoap2pbk2q2zp2rovijbxfcmsi2jq3m5ytn24", 1),
    (CHUNK + 1, 0, False, CHUNK, "QmaZKSWDej2A5PKVxoz5ggKDvY4vx15hTsX3FXHJry58nc", 3),
    (CHUNK + 1, 1, True, CHUNK, "bafybeihfw5bdiz67pwphwb2v2f4edjm6skf72igd32ii2rwoppi5g2wtve", 3),
    (CHUNK + 1, 0, True, CHUNK, "QmdoN9VLRfzCMgWKCaQPbKKDfHDcEtb2xhdFSdZNV21run", 3),
    (CHUNK + 1, 1, False, CHUNK, "bafybeiffliqayadm4vpnvxzj7ti3o3bcwx7t2m5o5k5fwujf63vnm4tczq", 3),
    (2 * CHUNK, 0, False, CHUNK, "QmYn5ockNWd8ifLW3Ps3bfNGCdv2NLrxKTug9KL2UQZetX", 3),
    (2 * CHUNK, 1, True, CHUNK, "bafybeicyplsntzzcwgi43snpfgn3hdlazwj34esaxd3b4bu725tzlbwf7i", 3),
    (1_000_000, 0, False, CHUNK, "QmWU62RJibUvjVCW3URgKHCvXBSompfUis6zcPPVtvSS83", 5),
    (1_000_000, 1, True, CHUNK, "bafybeiawx6jtuku3tzf6dkvhq27tnlekm3rgcczos5puerqgyqidlpiysa", 5),
    (FULL, 0, False, CHUNK, "QmcQtSkmqbnXJbPzc94JJmv4sMzxNdmjmLdm5J4teNvDYA", 175),
    (FULL + 1, 0, False, CHUNK, "QmU17Mbmy3CB3L3jTpZKYMmz65gB5puunX1G3W23wGXkxQ", 178),
    (FULL + 1, 1, True, CHUNK, "bafybeiev7x5vgipwkm2mghii6gb24zal5c4pzrovlfrh2cmafm4ub4q3qy", 178),
    (700, 0, False, 4, "QmW8Vo7yAC8aXh2Y7Qo56DYY5JUKecX1zLiwBHeNs2fk69", 178),
    (121_104, 0, False, 4, "QmNXQkifQG45NyFLpoQC3DDfAgVjVxx82amt3PgzGoDzCJ", 30451),
    (121_105, 0, False, 4, "QmYJ7p7EiMtynDa6zGzRGxBmonegtmPBx4jKCyjsq9ez7k", 30455),
    (121_105, 1, True, 4, "bafybeihqopgfqrqx6t4fytcdhlngbhcftinga7k3jg3v7qgih7w5vxgluu", 30455),
]


def sample(size: int) -> bytes:
    return hashlib.shake_128(b"tallystick").digest(size)


def collect(root: Cid, load: Callable[[Cid], bytes], bytes_max: int = 64 << 20) -> bytes:
    wanted = unixfs.reading(root, bytes_max)
    try:
        asked = next(wanted)
        while True:
            asked = wanted.send(load(asked))
    except StopIteration as done:
        data: bytes = done.value
        return data


@pytest.mark.parametrize(("data", "version", "name"), PUBLISHED)
def test_the_names_are_the_published_ones(data: bytes, version: int, name: str) -> None:
    assert str(unixfs.cid_of(data, version)) == name
    assert unixfs.names_file(parse(name), data)
    assert not unixfs.names_file(parse(name), data + b"!")


@pytest.mark.parametrize(("size", "version", "raw_leaves", "chunk", "name", "blocks"), COMPUTED)
def test_the_names_are_those_of_another_implementation_and_lead_back_to_the_file(
    size: int, version: int, raw_leaves: bool, chunk: int, name: str, blocks: int
) -> None:
    data = sample(size)
    stored = list(unixfs.blocks_of(data, version, raw_leaves, chunk))
    by_name = dict(stored)
    assert (str(stored[-1][0]), len(by_name)) == (name, blocks)
    assert collect(parse(name), by_name.__getitem__) == data


def test_a_file_beyond_the_limit_is_refused_at_its_root() -> None:
    stored = dict(unixfs.blocks_of(sample(1000), chunk=100))
    root = list(stored)[-1]
    asked: list[Cid] = []

    def load(cid: Cid) -> bytes:
        asked.append(cid)
        return stored[cid]

    with pytest.raises(TooLarge, match="1000 bytes, the limit is 999"):
        collect(root, load, bytes_max=999)
    assert asked == [root]


def test_a_changed_block_is_refused() -> None:
    stored = dict(unixfs.blocks_of(sample(1000), chunk=100))
    for cid, block in stored.items():
        changed = {**stored, cid: block[:-1] + bytes([block[-1] ^ 1])}
        with pytest.raises(Corrupted, match="does not hash to that name"):
            collect(list(stored)[-1], changed.__getitem__)


def named(block: bytes) -> tuple[Cid, dict[Cid, bytes]]:
    cid = name_block(block, 0, DAG_PB)
    return cid, {cid: block}


def test_a_root_that_promises_another_size_than_its_blocks_hold_is_refused() -> None:
    leaf = nodes.encode_leaf(b"four")
    cid, stored = named(leaf)
    root, parents = named(nodes.encode_parent([nodes.Link(cid, 5, len(leaf))]))
    with pytest.raises(Corrupted, match="says it has 5 bytes, its blocks hold 4"):
        collect(root, (stored | parents).__getitem__)


def test_a_small_root_that_unfolds_without_end_is_refused() -> None:
    cid, stored = named(nodes.encode_leaf(b""))
    for _ in range(4):
        cid, more = named(nodes.encode_parent([nodes.Link(cid, 0, 6)] * 100))
        stored |= more
    with pytest.raises(TooLarge, match="blocks"):
        collect(cid, stored.__getitem__)


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        (bytes.fromhex("0a020801"), "a directory"),
        (bytes.fromhex("0a020804"), "a symbolic link"),
        (b"", "no UnixFS file"),
        (b"\xff" * 20, "ends within a number"),
        (bytes.fromhex("0a7f08"), "cannot be read"),
        (bytes.fromhex("12020a00"), "cannot be followed"),
        (bytes.fromhex("12021200"), "names no block"),
    ],
)
def test_a_block_that_is_no_file_is_refused(block: bytes, complaint: str) -> None:
    root, stored = named(block)
    with pytest.raises(Corrupted, match=complaint):
        collect(root, stored.__getitem__)
