"""Content kept by an IPFS node, through Kubo's RPC: what it names and what it returns is hashed again here."""

from collections.abc import Mapping

import httpx
import msgspec

from . import unixfs
from .access import BLOCK_BYTES_MAX, CONTENT_BYTES_MAX, NotFound, TooLarge, Unreachable
from .cid import parse

TIMEOUT_S = 30.0


class KuboContent:
    """Speaks to the RPC at `url` (for instance http://127.0.0.1:5001); close it with `aclose`."""

    def __init__(
        self,
        url: str,
        bytes_max: int = CONTENT_BYTES_MAX,
        timeout_s: float = TIMEOUT_S,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._bytes_max = bytes_max
        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(base_url=self._url, timeout=timeout_s, headers=dict(headers or {}))

    async def aclose(self) -> None:
        await self._client.aclose()

    async def get(self, cid: str) -> bytes:
        """The file under `cid`, block by block: only blocks can be checked whatever way the file was added."""
        wanted = unixfs.reading(parse(cid), self._bytes_max)
        try:
            asked = next(wanted)
            while True:
                asked = wanted.send(await self._block(str(asked)))
        except StopIteration as done:
            data: bytes = done.value
            return data

    async def put(self, data: bytes, version: int = 0) -> str:
        """Adds and pins a file; the node must come to the name that we come to."""
        if len(data) > self._bytes_max:
            raise TooLarge(f"the content has {len(data)} bytes, the limit is {self._bytes_max}")
        expected = str(unixfs.cid_of(data, version))
        how = {
            "cid-version": str(version),
            "raw-leaves": str(version == 1).lower(),
            "chunker": f"size-{unixfs.CHUNK_BYTES}",
            "pin": "true",
            "progress": "false",
        }
        answer = await self._post("add", how, files={"file": ("content", data)})
        named = _hash_of(answer)
        if named != expected:
            raise Unreachable(f"{self._url} added the content as {named}, its name is {expected}: check that node")
        return expected

    async def has(self, cid: str) -> bool:
        """Whether that node has it without asking others."""
        parse(cid)
        try:
            await self._block(cid, offline="true")
        except NotFound:
            return False
        return True

    async def _block(self, cid: str, **how: str) -> bytes:
        return await self._post("block/get", {"arg": cid, **how}, bytes_max=BLOCK_BYTES_MAX)

    async def _post(
        self,
        command: str,
        how: Mapping[str, str],
        files: Mapping[str, tuple[str, bytes]] | None = None,
        bytes_max: int = BLOCK_BYTES_MAX,
    ) -> bytes:
        path = f"/api/v0/{command}"
        try:
            async with self._client.stream("POST", path, params=dict(how), files=files) as response:
                body = b""
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > bytes_max:
                        raise TooLarge(f"{self._url} answers {command} with more than {bytes_max} bytes")
        except httpx.HTTPError as fault:
            reason = str(fault) or type(fault).__name__
            raise Unreachable(
                f"the IPFS node at {self._url} does not answer {command} ({reason}): start it, as `tallystick serve` "
                "does, or name another as kubo_url"
            ) from None
        if response.status_code != httpx.codes.OK:
            raise self._refusal(command, how.get("arg", ""), response.status_code, body)
        return body

    def _refusal(self, command: str, cid: str, status: int, body: bytes) -> NotFound | Unreachable:
        reason = body.decode(errors="replace").strip()[:300]
        if "not found" in reason or "not find" in reason:
            return NotFound(f"{cid} is not at {self._url}: {reason}")
        return Unreachable(f"{self._url} refuses {command} with {status}: {reason}")


class _Added(msgspec.Struct):
    Hash: str


def _hash_of(answer: bytes) -> str:
    """The name in the last line of what `add` answers."""
    lines = answer.splitlines()
    try:
        return msgspec.json.decode(lines[-1] if lines else b"", type=_Added).Hash
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise Unreachable(f"the node's answer to add is not Kubo's: {fault}") from None
