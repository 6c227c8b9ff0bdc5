"""Where content is kept: a folder of this machine, or an IPFS node by URL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from receipts.content.access import Content
from receipts.content.kubo import KuboContent
from receipts.content.store import BlockStore


class ContentSettings(Struct, frozen=True):
    """`kubo_url` is the RPC of an IPFS node, or of a Tallystick API; without one, `folder` keeps the blocks."""

    folder: str = ".tallystick/content"
    kubo_url: str = ""

    def __post_init__(self) -> None:
        if self.kubo_url and not self.kubo_url.startswith(("http://", "https://")):
            raise ValueError(f"kubo_url is {self.kubo_url!r}: it must begin with http:// or https://")


@asynccontextmanager
async def opened(settings: ContentSettings) -> AsyncIterator[Content]:
    """The keeper that the settings name, closed at the end."""
    if not settings.kubo_url:
        yield BlockStore(Path(settings.folder))
        return
    kubo = KuboContent(settings.kubo_url)
    try:
        yield kubo
    finally:
        await kubo.aclose()
