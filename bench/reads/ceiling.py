"""Nothing comes in; the most that the load generator can measure goes out, against a server that does nothing else."""

import asyncio
import subprocess
import sys
from typing import Any

import uvloop

from bench.reads.load import Load, Loaded, run
from chain.devnet import end_with_parent

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n" + b" " * 1000


class Constant(asyncio.Protocol):
    """The same answer to every piece of data."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:  # noqa: ARG002
        self._transport.write(ANSWER)


def ceiling(seconds: float) -> Loaded:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.reads.ceiling"], stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent()
    )
    assert process.stdout is not None
    try:
        return run(Load(int(process.stdout.readline()), "/", [""], seconds=seconds))
    finally:
        process.terminate()
        process.wait()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Constant, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
