"""What was stored is read back as it was, or not at all."""

import hashlib
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from receipts.content.access import BadCid, ContentError, Corrupted, NotFound, StorageFailed, TooLarge
from receipts.content.store import BlockStore

DATA = hashlib.shake_128(b"tallystick").digest(600_000)
NAME = "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """A write past `size` bytes of a file breaks off, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("data", [b"", b"hello world", DATA])
@pytest.mark.parametrize("version", [0, 1])
async def test_content_is_read_back_under_its_name(tmp_path: Path, data: bytes, version: int) -> None:
    store = BlockStore(tmp_path)
    name = await store.put(data, version)
    assert await store.has(name)
    assert await store.get(name) == data


async def test_a_second_store_over_the_same_folder_finds_it(tmp_path: Path) -> None:
    assert await BlockStore(tmp_path).put(b"hello world") == NAME
    assert await BlockStore(tmp_path).get(NAME) == b"hello world"


async def test_one_block_is_read_as_it_is_stored(tmp_path: Path) -> None:
    store = BlockStore(tmp_path)
    await store.put(b"hello world")
    assert store.read_block(NAME) == bytes.fromhex("0a110802120b68656c6c6f20776f726c64180b")


async def test_content_that_nobody_stored_is_not_found(tmp_path: Path) -> None:
    store = BlockStore(tmp_path)
    assert not await store.has(NAME)
    with pytest.raises(NotFound, match=NAME):
        await store.get(NAME)
    with pytest.raises(NotFound, match=NAME):
        store.read_block(NAME)


async def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    for name in ("", "../../etc/passwd", "Qm/../../x"):
        with pytest.raises(BadCid):
            await BlockStore(tmp_path).get(name)


async def test_every_read_hashes_again(tmp_path: Path) -> None:
    store = BlockStore(tmp_path)
    name = await store.put(DATA)
    for path in files(tmp_path):
        kept = path.read_bytes()
        path.write_bytes(kept[:-1])
        with pytest.raises(Corrupted, match="restore it, or add the content again"):
            await store.get(name)
        path.write_bytes(kept)
    assert await store.get(name) == DATA


async def test_adding_again_repairs_a_damaged_block(tmp_path: Path) -> None:
    store = BlockStore(tmp_path)
    await store.put(b"hello world")
    files(tmp_path)[0].write_bytes(b"damaged")
    with pytest.raises(Corrupted):
        store.read_block(NAME)
    await store.put(b"hello world")
    assert await store.get(NAME) == b"hello world"


async def test_content_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="600000 bytes, the limit is 10"):
        await BlockStore(tmp_path, bytes_max=10).put(DATA)
    name = await BlockStore(tmp_path).put(DATA)
    with pytest.raises(TooLarge):
        await BlockStore(tmp_path, bytes_max=10).get(name)


async def test_a_write_that_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    store = BlockStore(tmp_path)
    with files_no_larger_than(4096), pytest.raises(StorageFailed, match="was not stored"):
        store.write(DATA)
    assert files(tmp_path) == []
    assert await store.get(await store.put(DATA)) == DATA


async def test_a_disk_that_is_nearly_full_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="bytes free"):
        await BlockStore(tmp_path, spare_bytes=1 << 60).put(b"hello world")
    assert files(tmp_path) == []


async def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ContentError, match="file"):
        await BlockStore(tmp_path / "file").put(b"hello world")


def test_many_writers_of_the_same_content_do_not_disturb_each_other(tmp_path: Path) -> None:
    store = BlockStore(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(store.write, [DATA] * 32))
    assert len(names) == 1
    assert store.read(names.pop()) == DATA
    assert not [path for path in files(tmp_path) if path.name.startswith(".")]
