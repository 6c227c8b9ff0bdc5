"""The few routes of Kubo's RPC that clients of IPFS use, over our block store, with Kubo's own words and errors."""

import asyncio
import platform
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Request, Response, post
from litestar.datastructures import UploadFile
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.params import QueryParameter
from msgspec import Struct

from api.given import Given
from api.problems import too_large
from receipts.content import unixfs
from receipts.content.access import BadCid, ContentError, NotFound
from receipts.content.store import BlockStore

SPOKEN_VERSION = "0.32.1"  # the Kubo whose RPC this follows: clients compare it with what they can speak
AGENT = "tallystick"
CHUNKER = f"size-{unixfs.CHUNK_BYTES}"
UPLOAD_OVERHEAD_BYTES = 64 * 1024


class KuboFault(Exception):
    """Root of what the RPC refuses, with the status and code that Kubo gives it."""

    status, code = 500, 0


class Misused(KuboFault):
    """A parameter is missing or wrong."""

    status, code = 400, 1


class Forbidden(KuboFault):
    """A web page of another origin asks."""

    status, code = 403, 0


class ErrorOut(Struct, rename="pascal"):
    message: str
    code: int
    type: str = "error"


class AddedOut(Struct, rename="pascal"):
    name: str
    hash: str
    size: str


class VersionOut(Struct, rename="pascal"):
    version: str
    commit: str
    repo: str
    system: str
    golang: str


class IdOut(Struct):
    """This store is no peer of IPFS's network: it has a name, but no addresses and no key."""

    ID: str
    PublicKey: str
    Addresses: list[str]
    AgentVersion: str
    Protocols: list[str]


Offset = Annotated[int, QueryParameter()]
Length = Annotated[int | None, QueryParameter()]
Arg = Annotated[str | None, QueryParameter(name="arg")]


@post("/api/v0/add", status_code=200)
async def add(request: Request[Any, Any, Any], content: Given[BlockStore]) -> Response[bytes]:
    """A line of JSON for every file in the form, as `ipfs add` prints them."""
    query = request.query_params
    version = _version(query.get("cid-version", "0"))
    raw_leaves = query.get("raw-leaves", str(version == 1).lower()) == "true"
    _refuse_unknown_ways(query, raw_leaves == (version == 1))
    files = [part for part in (await request.form()).values() if isinstance(part, UploadFile)]
    if not files:
        raise Misused('argument "path" is required')
    lines = [await _add(content, file, version, query.get("only-hash") == "true") for file in files]
    return Response(b"".join(lines), media_type="application/json", headers={"X-Chunked-Output": "1"})


@post("/api/v0/cat", status_code=200)
async def cat(
    content: Given[BlockStore], arg: Arg = None, offset: Offset = 0, length: Length = None
) -> Response[bytes]:
    if offset < 0 or (length is not None and length < 0):
        raise Misused("cannot specify negative offset or length")
    data = await content.get(_cid(arg))
    end = None if length is None else offset + length
    return Response(data[offset:end], media_type="text/plain", headers={"X-Stream-Output": "1"})


@post("/api/v0/block/get", status_code=200)
async def block_get(content: Given[BlockStore], arg: Arg = None) -> Response[bytes]:
    block = await asyncio.to_thread(content.read_block, _cid(arg))
    return Response(block, media_type="text/plain", headers={"X-Stream-Output": "1"})


@post("/api/v0/id", status_code=200)
async def identity(node_id: Given[str]) -> IdOut:
    return IdOut(node_id, "", [], AGENT, [])


@post("/api/v0/version", status_code=200)
async def version() -> VersionOut:
    return VersionOut(SPOKEN_VERSION, AGENT, "16", f"{platform.machine()}/{platform.system().lower()}", "")


def create_kubo_app(content: BlockStore, node_id: str, upload_bytes_max: int, origins: Sequence[str] = ()) -> Litestar:
    """The RPC on a port of its own. It takes writes without a key, so keep it on the loopback interface."""

    async def refuse_pages(request: Request[Any, Any, Any]) -> None:
        origin = request.headers.get("origin")
        if origin is not None and origin not in origins:
            raise Forbidden(f"origin {origin} is not allowed; name it in cors_origins")

    return Litestar(
        [add, cat, block_get, identity, version],
        dependencies={
            "content": Provide(lambda: content, sync_to_thread=False),
            "node_id": Provide(lambda: node_id, sync_to_thread=False),
        },
        before_request=refuse_pages,
        exception_handlers={KuboFault: _refused, ContentError: _failed, HTTPException: _misused, Exception: _broken},
        request_max_body_size=upload_bytes_max + UPLOAD_OVERHEAD_BYTES,
        openapi_config=None,
        logging_config=None,
    )


async def _add(content: BlockStore, file: UploadFile, version: int, only_hash: bool) -> bytes:
    data = await file.read()
    cid = str(unixfs.cid_of(data, version))
    if not only_hash:
        await content.put(data, version)
    size = sum(len(block) for _, block in unixfs.blocks_of(data, version))
    return msgspec.json.encode(AddedOut(file.filename or cid, cid, str(size))) + b"\n"


def _version(text: str) -> int:
    if text not in ("0", "1"):
        raise Misused(f"unknown CID version {text!r}: use 0 or 1")
    return int(text)


def _refuse_unknown_ways(query: Any, usual_leaves: bool) -> None:
    """What would give another CID than asked for is refused rather than ignored."""
    if query.get("chunker", CHUNKER) != CHUNKER or query.get("hash", "sha2-256") != "sha2-256":
        raise Misused(f"only chunker {CHUNKER} and hash sha2-256 are served")
    if not usual_leaves or "true" in (query.get("wrap-with-directory"), query.get("trickle"), query.get("inline")):
        raise Misused("only plain files are served: raw leaves with version 1, UnixFS leaves with version 0")


def _cid(arg: str | None) -> str:
    if not arg:
        raise Misused('argument "ipfs-path" is required')
    return arg.removeprefix("/ipfs/")


def _refused(_: Request[Any, Any, Any], fault: KuboFault) -> Response[ErrorOut]:
    return Response(ErrorOut(str(fault), fault.code), status_code=fault.status)


def _failed(_: Request[Any, Any, Any], fault: ContentError) -> Response[ErrorOut]:
    if isinstance(fault, BadCid):
        return Response(ErrorOut(f"invalid path: {fault}", 0), status_code=500)
    words = (
        f"block was not found locally (offline): ipld: could not find {fault}"
        if isinstance(fault, NotFound)
        else str(fault)
    )
    return Response(ErrorOut(words, 0), status_code=500)


def _misused(request: Request[Any, Any, Any], fault: HTTPException) -> Response[Any]:
    """Kubo answers what it does not route in plain text, and takes POST alone."""
    if fault.status_code in (404, 405):
        text = {404: "404 page not found", 405: "405 - Method Not Allowed"}[fault.status_code]
        return Response(text, status_code=fault.status_code, media_type="text/plain", headers=fault.headers)
    status = 400 if fault.status_code == 422 else fault.status_code
    words = too_large(request) if status == 413 else fault.detail
    return Response(ErrorOut(words, 1), status_code=status)


def _broken(request: Request[Any, Any, Any], fault: Exception) -> Response[ErrorOut]:
    request.logger.error("%s failed", request.url.path, exc_info=fault)
    return Response(ErrorOut("internal error", 0), status_code=500)
