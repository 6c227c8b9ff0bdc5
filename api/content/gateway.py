"""Trustless gateway: a CID comes in, the file or the raw block behind it goes out, for ever the same and cached so."""

import re
from typing import Annotated, Any

from litestar import Request, Response, get, head
from litestar.params import FromPath, HeaderParameter, QueryParameter

from api.given import Given
from api.problems import documented
from api.service.refusals import Absent, Invalid
from receipts.content import cid as cids
from receipts.content import unixfs
from receipts.content.access import BadCid, Content, NotFound

RAW_BLOCK = "application/vnd.ipld.raw"
FOR_EVER = "public, max-age=29030400, immutable"
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
FAULTS = documented(
    s400="The CID is malformed, or the format is not served here",
    s404="Nobody here has this content",
    s416="The range lies outside the file",
)

IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match", description="ETag of the copy at hand")]
Accept = Annotated[str | None, HeaderParameter(name="Accept", description="`application/vnd.ipld.raw` for the block")]
Range = Annotated[str | None, HeaderParameter(name="Range", description="One range of bytes of the file")]
Format = Annotated[str | None, QueryParameter(description="`raw` for the block itself")]


class BadContentName(Invalid):
    """The content's name is malformed."""

    remedy = "Use the CID as the chain or `ipfs add` gives it."


class UnknownContent(Absent):
    """Nobody here has this content."""

    remedy = "Add it with POST /api/v0/add, or ask the one who published it."


class UnservedFormat(Invalid):
    """The gateway serves files and raw blocks only."""

    remedy = "Leave `format` out for the file, or use format=raw for the block."


@get(
    "/ipfs/{cid:str}",
    operation_id="getContent",
    summary="Content by its CID",
    description="The file, or with `format=raw` the block that hashes to the CID, so that nobody need trust us.",
    tags=["content"],
    responses=FAULTS,
)
async def get_content(
    cid: FromPath[str],
    content: Given[Content],
    format: Format = None,
    accept: Accept = None,
    if_none_match: IfNoneMatch = None,
    byte_range: Range = None,
) -> Response[bytes]:
    raw = wants_raw(format, accept)
    name = known(cid)
    etag = f'"{name}.raw"' if raw else f'"{name}"'
    headers = served_as(str(name), etag, raw)
    if if_none_match is not None and etag in if_none_match:
        return Response(b"", status_code=304, headers=headers)
    data = await (block_of(content, name) if raw else file_of(content, name))
    media_type = RAW_BLOCK if raw else kind_of(data)
    if byte_range is not None and not raw and (cut := RANGE.fullmatch(byte_range)):
        return part(data, cut[1], cut[2], media_type, headers)
    return Response(data, media_type=media_type, headers=headers)


@head(
    "/ipfs/{cid:str}",
    operation_id="headContent",
    summary="Whether content is at hand",
    tags=["content"],
    responses=FAULTS,
)
async def head_content(cid: FromPath[str], content: Given[Content], request: Request[Any, Any, Any]) -> Response[None]:
    raw = wants_raw(request.query_params.get("format"), request.headers.get("accept"))
    name = known(cid)
    if not await content.has(str(name)):
        raise UnknownContent(f"{name} is not here")
    return Response(None, headers=served_as(str(name), f'"{name}.raw"' if raw else f'"{name}"', raw))


def wants_raw(format: str | None, accept: str | None) -> bool:
    """Raises UnservedFormat."""
    if format not in (None, "raw"):
        raise UnservedFormat(f"format {format[:32]!r} is not served")
    return format == "raw" or (accept is not None and RAW_BLOCK in accept)


def known(cid: str) -> cids.Cid:
    """Raises BadContentName."""
    try:
        return cids.parse(cid)
    except BadCid as fault:
        raise BadContentName(str(fault)) from None


async def file_of(content: Content, name: cids.Cid) -> bytes:
    """Raises UnknownContent."""
    try:
        return await content.get(str(name))
    except NotFound:
        raise UnknownContent(f"{name} is not here") from None


async def block_of(content: Content, name: cids.Cid) -> bytes:
    """The block that hashes to `name`, built again from the file under it. Raises UnknownContent."""
    data = await file_of(content, name)
    versions = (0, 1) if name.codec == cids.RAW else (name.version,)
    for version in versions:
        for raw_leaves in (version == 1, version == 0):
            for cid, block in unixfs.blocks_of(data, version, raw_leaves):
                if cid == name:
                    return block
    raise UnknownContent(f"{name} is a file here, but was cut into blocks in a way that we do not know")


def served_as(cid: str, etag: str, raw: bool) -> dict[str, str]:
    """Whatever people publish is shown as data, never run as a page of ours."""
    headers = {
        "ETag": etag,
        "Cache-Control": FOR_EVER,
        "X-Ipfs-Path": f"/ipfs/{cid}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Vary": "Accept",
    }
    return headers | (
        {"Content-Disposition": f'attachment; filename="{cid}.bin"'} if raw else {"Accept-Ranges": "bytes"}
    )


def kind_of(data: bytes) -> str:
    """JSON, text or bytes; never a kind that a browser would run."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "application/json" if data.lstrip()[:1] in (b"{", b"[") else "text/plain; charset=utf-8"


def part(data: bytes, first: str, last: str, media_type: str, headers: dict[str, str]) -> Response[bytes]:
    """One range, as RFC 9110 reads it: `5-9`, `5-` or the last `-5` bytes."""
    size = len(data)
    if not first:
        start, end = max(0, size - int(last or 0)), size - 1
    else:
        start, end = int(first), min(int(last or size - 1), size - 1)
    if start > end or start >= size:
        return Response(b"", status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    headers |= {"Content-Range": f"bytes {start}-{end}/{size}"}
    return Response(data[start : end + 1], status_code=206, media_type=media_type, headers=headers)
