"""Files of the pages: folders come in at the start, answers that a browser may keep for ever go out."""

import gzip
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from api.given import Given
from api.service.refusals import Absent

MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".json": "application/json",
}
FOLDERS = (Path(__file__).parent / "static",)
TAG_DIGITS = 12
FOR_EVER = "public, max-age=31536000, immutable"

Version = Annotated[str | None, QueryParameter(name="v", max_length=64)]


class UnknownAsset(Absent):
    """There is no such file."""

    remedy = "Load the page again: its files were replaced by newer ones."


class Asset(Struct, frozen=True):
    """A file as it is sent: plain, and compressed once."""

    content: bytes
    squeezed: bytes
    media_type: str
    tag: str


class Assets:
    """All files in memory: they are few and small."""

    def __init__(self, folders: Iterable[Path]) -> None:
        paths = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix in MEDIA_TYPES]
        self._assets = {path.name: _read(path) for path in paths}

    def get(self, name: str) -> Asset | None:
        return self._assets.get(name)

    def url(self, name: str) -> str:
        """Names the content too, so that a newer file is never taken for the one that a browser keeps."""
        return f"/static/{name}?v={self._assets[name].tag}"


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False, opt={"uncompressed": True})
def get_asset(
    request: Request[Any, Any, Any], name: FromPath[str], assets: Given[Assets], version: Version = None
) -> Response[bytes]:
    asset = assets.get(name)
    if asset is None:
        raise UnknownAsset(f"there is no file {name[:64]!r}")
    headers = {
        "ETag": f'"{asset.tag}"',
        "Cache-Control": FOR_EVER if version == asset.tag else "no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if asset.tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.squeezed, media_type=asset.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(asset.content, media_type=asset.media_type, headers=headers)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    tag = hashlib.sha256(content).hexdigest()[:TAG_DIGITS]
    return Asset(content, gzip.compress(content, 9, mtime=0), MEDIA_TYPES[path.suffix], tag)
