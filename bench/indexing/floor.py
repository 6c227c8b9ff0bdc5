"""The least that indexing can be: one loop fetches logs, reads them by fixed places, and writes them to SQLite once.

Nothing is checked, nothing is folded, no reorganisation would be noticed, and a crash loses all of it.
`python -m bench.indexing.floor URL DEPLOYMENT FILE` is the whole command.
"""

import asyncio
import sqlite3
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvloop
from msgspec import Struct

from chain.abi import signature_hash

BLOCKS_A_CALL = 100
CALLS_AHEAD = 3
WORD = 64
"""Hex digits of a word."""

Read = Callable[[str], Any]


class WireLog(Struct, rename="camel", gc=False):
    address: str
    topics: list[str]
    data: str
    block_number: str
    transaction_hash: str
    log_index: str


class Answer(Struct):
    result: list[WireLog]


class Height(Struct):
    result: str


def readers(deployment: dict[str, Any]) -> dict[tuple[str, str], tuple[str, list[Read]]]:
    """By contract and first topic: the event's name, and how to cut each argument out of the hex digits."""
    found = {}
    for contract in deployment["contracts"].values():
        for entry in contract["abi"]:
            if entry["type"] == "event":
                inputs = sorted(entry["inputs"], key=lambda each: not each["indexed"])
                base = WORD * sum(each["indexed"] for each in inputs)
                cuts = [reader(each["type"], WORD * i, base) for i, each in enumerate(inputs)]
                found[contract["address"], "0x" + signature_hash(entry).hex()] = entry["name"], cuts
    return found


def reader(kind: str, at: int, base: int) -> Read:
    if kind == "address":
        return lambda words: "0x" + words[at + 24 : at + WORD]
    if kind == "string":
        return lambda words: text(words, base + 2 * int(words[at : at + WORD], 16))
    if kind.startswith("uint"):
        return lambda words: str(int(words[at : at + WORD], 16))
    return lambda words: words[at : at + WORD]


def text(words: str, at: int) -> str:
    begin = at + WORD
    return bytes.fromhex(words[begin : begin + 2 * int(words[at:begin], 16)]).decode()


async def index(url: str, deployment: dict[str, Any], database: sqlite3.Connection) -> int:
    known = readers(deployment)
    addresses = sorted({address for address, _ in known})
    decode, encode = msgspec.json.Decoder(Answer).decode, msgspec.json.Encoder().encode
    rows = 0
    async with aiohttp.ClientSession() as session:

        async def ask(method: str, *params: Any) -> bytes:
            body = encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
            async with session.post(url, data=body, headers={"content-type": "application/json"}) as answer:
                return await answer.read()

        head = int(msgspec.json.decode(await ask("eth_blockNumber"), type=Height).result, 16)
        starts = iter(range(deployment["block"], head + 1, BLOCKS_A_CALL))
        coming: deque[asyncio.Task[bytes]] = deque()
        while True:
            while len(coming) < CALLS_AHEAD and (start := next(starts, None)) is not None:
                span = {"fromBlock": hex(start), "toBlock": hex(min(start + BLOCKS_A_CALL - 1, head))}
                coming.append(asyncio.create_task(ask("eth_getLogs", {**span, "address": addresses})))
            if not coming:
                break
            values = []
            for log in decode(await coming.popleft()).result:
                name, cuts = known[log.address, log.topics[0]]
                words = "".join([topic[2:] for topic in log.topics[1:]]) + log.data[2:]
                values.append((
                    int(log.block_number, 16), int(log.log_index, 16), log.transaction_hash, log.address, name,
                    encode([cut(words) for cut in cuts]),
                ))  # fmt: skip
            database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", values)
            rows += len(values)
    database.commit()
    return rows


def main() -> None:
    url, deployment, file = sys.argv[1:]
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE events (block, log_index, tx_hash, contract, name, args)")
    rows = uvloop.run(index(url, msgspec.json.decode(Path(deployment).read_bytes()), database))
    print(f"{rows} rows")


if __name__ == "__main__":
    main()
