"""Content on this machine's disk: a file a block, named by its digest; whole or absent, hashed again on every read."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from . import unixfs
from .access import CONTENT_BYTES_MAX, ContentError, Corrupted, NotFound, StorageFailed, TooLarge
from .cid import Cid, parse

SPARE_BYTES = 16 << 20


class BlockStore:
    """Keeps blocks under `folder`; `spare_bytes` of its disk are left free."""

    def __init__(self, folder: Path, bytes_max: int = CONTENT_BYTES_MAX, spare_bytes: int = SPARE_BYTES) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._spare_bytes = spare_bytes

    async def get(self, cid: str) -> bytes:
        return await asyncio.to_thread(self.read, cid)

    async def put(self, data: bytes, version: int = 0) -> str:
        return await asyncio.to_thread(self.write, data, version)

    async def has(self, cid: str) -> bool:
        return await asyncio.to_thread(self.holds, cid)

    def read(self, cid: str) -> bytes:
        """The file under `cid`."""
        wanted = unixfs.reading(parse(cid), self._bytes_max)
        try:
            asked = next(wanted)
            while True:
                asked = wanted.send(self._load(asked))
        except StopIteration as done:
            data: bytes = done.value
            return data

    def read_block(self, cid: str) -> bytes:
        """The one block under `cid`, as stored."""
        name = parse(cid)
        block = self._load(name)
        if not name.names(block):
            raise _corrupted(name, self._path(name))
        return block

    def write(self, data: bytes, version: int = 0) -> str:
        """Stores a file and returns its name; the root comes last, so a name that is held is held whole."""
        if len(data) > self._bytes_max:
            raise TooLarge(f"the content has {len(data)} bytes, the limit is {self._bytes_max}")
        self._make_room(len(data))
        for cid, block in unixfs.blocks_of(data, version):
            self._save(cid, block)
        return str(cid)

    def holds(self, cid: str) -> bool:
        return self._path(parse(cid)).is_file()

    def _path(self, cid: Cid) -> Path:
        name = cid.digest.hex()
        return self._folder / name[:2] / name[2:]

    def _load(self, cid: Cid) -> bytes:
        try:
            return self._path(cid).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"{cid} is not in the block store {self._folder}") from None
        except OSError as fault:
            raise ContentError(f"{cid} cannot be read from {self._path(cid)}: {fault.strerror}") from None

    def _save(self, cid: Cid, block: bytes) -> None:
        path = self._path(cid)
        try:
            if path.is_file() and cid.names(path.read_bytes()):
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, block)
        except OSError as fault:
            raise StorageFailed(f"{cid} was not stored in {self._folder}: {fault.strerror}; free space there") from None

    def _make_room(self, size: int) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._folder).free
        except OSError as fault:
            raise StorageFailed(f"the block store {self._folder} cannot be used: {fault.strerror}") from None
        if free < size + self._spare_bytes:
            raise StorageFailed(
                f"{self._folder} has {free} bytes free, {size} and {self._spare_bytes} to spare are needed: free space"
            )


def _corrupted(cid: Cid, path: Path) -> Corrupted:
    return Corrupted(f"{path} does not hash to {cid}: restore it, or add the content again")


def _write_whole(path: Path, block: bytes) -> None:
    """Under another name first, so that a reader or a crash never meets half a block."""
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
