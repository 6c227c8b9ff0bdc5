"""What the network does to us comes out as the standard library's own errors, and as nothing else."""

import socket
import ssl

import pytest

from chain.errors import Garbled
from chain.transport import HttpTransport
from tests.chain.proxy import Proxy

ASK = b'{"jsonrpc":"2.0","id":0,"method":"eth_chainId","params":[]}'


async def test_an_answer_comes_with_status_headers_and_body(proxy: Proxy) -> None:
    transport = HttpTransport()
    reply = await transport.post(proxy.url, ASK, 2)
    proxy.status, proxy.headers = 429, {"Retry-After": "7"}
    limited = await transport.post(proxy.url, ASK, 2)
    await transport.close()
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.body == b'{"jsonrpc": "2.0", "id": 0, "result": "0x7a69"}'
    assert (limited.status, limited.headers["retry-after"], limited.body) == (429, "7", b"not now")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:1", ConnectionRefusedError),
        ("http://no-such-host.invalid", socket.gaierror),
        ("https://127.0.0.1:{port}", ssl.SSLError),
        ("ftp://127.0.0.1", OSError),
    ],
)
async def test_why_there_is_no_connection_is_told(url: str, error: type[OSError], proxy: Proxy) -> None:
    transport = HttpTransport()
    url = url.format(port=proxy.url.rpartition(":")[2])
    with pytest.raises(error):
        await transport.post(url, ASK, 2)
    with pytest.raises(error):
        await transport.connect(url)
    await transport.close()


@pytest.mark.parametrize("breaks", ["reset", "half"])
async def test_a_connection_that_breaks_is_a_connection_error(breaks: str, proxy: Proxy) -> None:
    proxy.breaks = breaks
    transport = HttpTransport()
    with pytest.raises(ConnectionError):
        await transport.post(proxy.url, ASK, 2)
    await transport.close()


async def test_an_answer_that_does_not_come_is_a_timeout(proxy: Proxy) -> None:
    proxy.awake.clear()
    transport = HttpTransport()
    with pytest.raises(TimeoutError):
        await transport.post(proxy.url, ASK, 0.05)
    await transport.close()


async def test_an_answer_without_end_is_not_taken_in(proxy: Proxy) -> None:
    transport = HttpTransport(answer_bytes_max=20)
    with pytest.raises(Garbled, match="more than 20 bytes"):
        await transport.post(proxy.url, ASK, 2)
    await transport.close()


async def test_a_socket_tells_texts_until_it_is_closed_by_either_side(proxy: Proxy) -> None:
    transport = HttpTransport()
    ours, theirs = await transport.connect(proxy.ws_url), await transport.connect(proxy.ws_url)
    await ours.send(ASK.decode())
    assert '"result":"0x7a69"' in await anext(aiter(ours))
    await ours.close()
    assert [text async for text in ours] == []
    await proxy.cut_sockets()
    assert [text async for text in theirs] == []
    await transport.close()
