"""An IPFS node is asked by Kubo's RPC, and believed only as far as hashes go."""

import email.parser
import email.policy
import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from receipts.content.access import Corrupted, NotFound, TooLarge, Unreachable
from receipts.content.kubo import KuboContent
from receipts.content.store import BlockStore

DATA = hashlib.shake_128(b"tallystick").digest(600_000)
ABSENT = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"


class Node(ThreadingHTTPServer):
    """Answers `add` and `block/get` as Kubo does, over a block store; `lie` changes what it says."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = BlockStore(folder)
        self.lie = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Node

    def do_POST(self) -> None:
        asked = urlsplit(self.path)
        how = {name: values[0] for name, values in parse_qs(asked.query).items()}
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        status, answer = self._answer(asked.path.removeprefix("/api/v0/"), how, body)
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _answer(self, command: str, how: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if self.server.lie == "broken":
            return 500, b'{"Message":"merkledag: the datastore is closed","Code":0,"Type":"error"}'
        if command == "add":
            return 200, self._add(body, int(how["cid-version"]))
        try:
            block = self.server.store.read_block(how["arg"])
        except NotFound:
            return 500, b'{"Message":"block was not found locally (offline): ipld: could not find X","Code":0}'
        return 200, block + b"!" * {"changed": 1, "endless": 3 << 20}.get(self.server.lie, 0)

    def _add(self, body: bytes, version: int) -> bytes:
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        part = next(email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body).iter_parts())
        data = bytes(part.get_content())
        name = self.server.store.write(data, version)
        said = {"Name": "content", "Hash": ABSENT if self.server.lie == "misnamed" else name, "Size": str(len(data))}
        return b"not json" if self.server.lie == "garbled" else json.dumps(said).encode() + b"\n"

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    server = Node(tmp_path)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def content(node: Node) -> KuboContent:
    return KuboContent(node.url)


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("data", [b"", b"hello world", DATA])
async def test_content_is_added_and_read_back(content: KuboContent, data: bytes, version: int) -> None:
    name = await content.put(data, version)
    assert await content.has(name)
    assert await content.get(name) == data


async def test_content_that_the_node_lacks_is_not_found(content: KuboContent) -> None:
    assert not await content.has(ABSENT)
    with pytest.raises(NotFound, match=ABSENT):
        await content.get(ABSENT)


async def test_a_block_that_the_node_changed_is_refused(node: Node, content: KuboContent) -> None:
    name = await content.put(DATA)
    node.lie = "changed"
    with pytest.raises(Corrupted, match="does not hash"):
        await content.get(name)


async def test_an_answer_without_end_is_cut_off(node: Node, content: KuboContent) -> None:
    name = await content.put(b"hello world")
    node.lie = "endless"
    with pytest.raises(TooLarge, match="more than"):
        await content.get(name)


async def test_a_node_that_names_content_otherwise_is_named(node: Node, content: KuboContent) -> None:
    node.lie = "misnamed"
    with pytest.raises(Unreachable, match=f"added the content as {ABSENT}, its name is Qmf412"):
        await content.put(b"hello world")
    node.lie = "garbled"
    with pytest.raises(Unreachable, match="not Kubo's"):
        await content.put(b"hello world")


async def test_a_node_in_trouble_is_quoted(node: Node, content: KuboContent) -> None:
    node.lie = "broken"
    with pytest.raises(Unreachable, match=r"refuses block/get with 500.*datastore is closed"):
        await content.get(ABSENT)


async def test_a_node_that_is_not_there_is_named() -> None:
    content = KuboContent("http://127.0.0.1:1")
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1 does not answer add"):
        await content.put(b"hello world")


async def test_content_beyond_the_limit_is_refused_on_both_ways(node: Node, content: KuboContent) -> None:
    name = await content.put(DATA)
    small = KuboContent(node.url, bytes_max=10)
    with pytest.raises(TooLarge):
        await small.get(name)
    with pytest.raises(TooLarge):
        await small.put(DATA)
    await small.aclose()
