"""A prompt's CID goes in; the request that stands behind it comes out, read once and kept for a while."""

from collections import OrderedDict

from receipts.content.access import BadCid, Content, TooLarge
from receipts.request import BadRequest, Request, parse

from .intake import Declined

KEPT_MAX = 256


class Prompts:
    """Reads prompts from the content store; what cannot be a prompt is Declined, what is away raises ContentError."""

    def __init__(self, content: Content, bytes_max: int) -> None:
        self._content = content
        self._bytes_max = bytes_max
        self._kept: OrderedDict[str, tuple[bytes, Request]] = OrderedDict()

    async def read(self, cid: str) -> Request:
        return (await self._read(cid))[1]

    async def bytes_of(self, cid: str) -> bytes:
        """What the receipt's digest is taken of."""
        return (await self._read(cid))[0]

    async def _read(self, cid: str) -> tuple[bytes, Request]:
        if cid not in self._kept:
            try:
                data = await self._content.get(cid)
                self._kept[cid] = data, parse(data, self._bytes_max)
            except (BadCid, TooLarge, BadRequest) as fault:
                raise Declined(f"its prompt: {fault}") from fault
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return self._kept[cid]
