"""Files that take a while to make: a name and a way to make it come in, a finished file with its checksum goes out.

A file is made once, however many ask for it, and sent from where it lies: so its checksum stands in the answer's
headers, a download can be resumed, and a reader who is slow holds nothing but a file.
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from litestar import Request, Response
from litestar.response import Stream
from msgspec import Struct

from api.service.refusals import Crowded, Invalid
from indexer.explorer.rows import Head

PIECE_BYTES = 256 * 1024
FILES_KEPT = 6


class RangeUnknown(Invalid):
    """The range of bytes is not in the file."""

    remedy = "Ask for bytes=FROM- or bytes=FROM-TO within the Content-Length, or for all of it."


class ExportsCrowded(Crowded):
    """As many files are being made as may be at once."""


class Made(Struct, frozen=True):
    """A finished file, and the head that it was taken at."""

    path: Path
    head: Head
    size: int
    sha256: bytes


class Shelf:
    """Finished files in a folder of its own, the newest few."""

    def __init__(self, folder: Path, at_once: int) -> None:
        self._folder, self._at_once = folder, at_once
        self._making: dict[str, asyncio.Task[Made]] = {}
        self._kept: dict[str, Made] = {}
        self._numbers = 0

    async def get(self, key: str, suffix: str, make: Callable[[Path], Head]) -> Made:
        """The file of this key, made by `make` in a thread if it is not there. Raises ExportsCrowded."""
        if (found := self._kept.get(key)) and found.path.exists():
            self._kept[key] = self._kept.pop(key)
            return found
        if key not in self._making:
            if len(self._making) >= self._at_once:
                raise ExportsCrowded(f"{self._at_once} files are being made already, as many as may be at once")
            self._making[key] = asyncio.create_task(self._make(key, suffix, make))
        return await asyncio.shield(self._making[key])

    async def _make(self, key: str, suffix: str, make: Callable[[Path], Head]) -> Made:
        if not self._numbers:
            await asyncio.to_thread(self._clear)
        self._numbers += 1
        path = self._folder / f"{self._numbers:06}{suffix}"
        try:
            made = await asyncio.to_thread(_made, path, make)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            del self._making[key]
        self._kept[key] = made
        for oldest in list(self._kept)[:-FILES_KEPT]:
            self._kept.pop(oldest).path.unlink(missing_ok=True)  # who reads it still can
        return made

    def _clear(self) -> None:
        """What an earlier run left."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.iterdir():
            left.unlink()


def _made(path: Path, make: Callable[[Path], Head]) -> Made:
    head = make(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return Made(path, head, path.stat().st_size, digest)


async def sent(request: Request[Any, Any, Any], name: str, media_type: str, making: Awaitable[Made]) -> Response[Any]:
    """The file, or the range of it that was asked for. Raises RangeUnknown."""
    made = await making
    etag = f'"{made.sha256.hex()}"'
    headers = {
        "ETag": etag,
        "Repr-Digest": f"sha-256=:{base64.b64encode(made.sha256).decode()}:",
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-cache",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Tally-Head": f"{made.head.number} {made.head.hash}",
        "Tally-Finality": f"{made.head.final} {made.head.final_hash}",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    wanted = request.headers.get("range")
    if wanted is None or request.headers.get("if-range", etag) != etag:
        first, last, status = 0, made.size - 1, 200
    else:
        first, last = _range(wanted, made.size)
        status, headers["Content-Range"] = 206, f"bytes {first}-{last}/{made.size}"
    headers["Content-Length"] = str(last - first + 1)
    file = await asyncio.to_thread(made.path.open, "rb")
    return Stream(_pieces(file, first, last + 1 - first), media_type=media_type, headers=headers, status_code=status)


def _range(text: str, size: int) -> tuple[int, int]:
    """First and last byte of `bytes=5-`, `bytes=5-9` or `bytes=-5`."""
    kind, _, span = text.partition("=")
    first, dash, last = span.strip().partition("-")
    digits = (first + last).isascii() and (first + last).isdigit() and len(first + last) < 40
    if kind.strip() != "bytes" or not dash or not digits:
        raise RangeUnknown(f"{text[:64]!r} is no single range of bytes")
    begin = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if not begin <= end:
        raise RangeUnknown(f"{text[:64]!r} is beyond the {size} bytes of the file")
    return begin, end


async def _pieces(file: Any, first: int, left: int) -> AsyncIterator[bytes]:
    try:
        await asyncio.to_thread(file.seek, first)
        while left > 0 and (piece := await asyncio.to_thread(file.read, min(PIECE_BYTES, left))):
            left -= len(piece)
            yield piece
    finally:
        file.close()
