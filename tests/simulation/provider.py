"""JSON-RPC requests come in, one node's answers go out: true to its view of the chain unless the seed has it lie.

A view lags behind the chain, may be stuck, and may move between two calls of one batch.
"""

import random
from collections.abc import Callable
from typing import Any

import msgspec

from tests.simulation.blocks import encoded
from tests.simulation.chain import Block, Chain
from tests.simulation.lies import OF_BLOCKS, OF_RECEIPTS, Lie

Json = Any
METHOD_NOT_FOUND, INVALID_PARAMS = -32601, -32602


class Declined(Exception):
    """A JSON-RPC error object."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.told = {"code": code, "message": message}


class Provider:
    """`lies` is the share of answers about blocks that are not true; `moves` how often the view moves under a batch."""

    def __init__(self, name: str, chain: Chain, chance: random.Random) -> None:
        self.name = name
        self.chain = chain
        self.chance = chance
        self.chain_id = chain.deployment.chain_id
        self.lies = 0.0
        self.kinds: tuple[Lie, ...] = (*OF_RECEIPTS, *OF_BLOCKS)
        self.moves = 0.0
        self.forgets = False
        self.is_stuck = False
        self.tag_lag = 0
        self.refuses: Callable[[str, list[Any]], Declined | None] = lambda *_: None
        self.listeners: list[Callable[[Block], None]] = []
        self.head = chain.head
        self.floor = chain.floor

    @property
    def url(self) -> str:
        return f"http://{self.name}.test"

    @property
    def ws_url(self) -> str:
        return f"ws://{self.name}.test"

    def look(self) -> None:
        """Takes over what the chain's head is now, and tells who listens."""
        if self.is_stuck or self.head is self.chain.head:
            return
        self.head, self.floor = self.chain.head, self.chain.floor
        for listener in list(self.listeners):
            listener(self.head)

    def answer(self, body: bytes) -> bytes:
        """The body of the reply; a batch is answered in any order, as the standard allows."""
        asked = msgspec.json.decode(body)
        if isinstance(asked, dict):
            return encoded(self._one(asked))
        answers = []
        for each in asked:
            if self.chance.random() < self.moves:
                self.look()
            answers.append(self._one(each))
        if self.chance.random() < 0.3:
            self.chance.shuffle(answers)
        return encoded(answers)

    def _one(self, asked: dict[str, Any]) -> Json:
        try:
            if refusal := self.refuses(asked["method"], asked["params"]):
                raise refusal
            result = self._result(asked["method"], asked["params"])
        except Declined as error:
            return {"jsonrpc": "2.0", "id": asked["id"], "error": error.told}
        return {"jsonrpc": "2.0", "id": asked["id"], "result": result}

    def _result(self, method: str, params: list[Any]) -> Json:
        match method:
            case "eth_chainId":
                return hex(self.chain_id)
            case "net_version":
                return str(self.chain_id)
            case "eth_blockNumber":
                return hex(self.head.number)
            case "eth_getBlockByNumber" | "eth_getBlockByHash":
                return self._block(self._find(params[0]), bool(params[1]))
            case "eth_getBlockReceipts":
                return self._receipts(self._find(params[0]))
            case "eth_getLogs":
                return self._logs(params[0])
        raise Declined(METHOD_NOT_FOUND, f"the method {method} does not exist/is not available")

    def _find(self, where: Any) -> Block | None:
        if isinstance(where, dict):
            where = where.get("blockHash", where.get("blockNumber"))
        match where:
            case "latest" | "pending":
                return self.head
            case "earliest":
                return self.head.ancestor(0)
            case "finalized" | "safe":
                return self.head.ancestor(max(0, self.floor - self.tag_lag)) if self.floor else None
        if len(where) == 66:
            return self._by_hash(bytes.fromhex(where[2:]))
        number = int(where, 16)
        return self.head.ancestor(number) if number <= self.head.number else None

    def _by_hash(self, digest: bytes) -> Block | None:
        block = self.chain.blocks.get(digest)
        if block is None or block.number > max(self.head.number, self.chain.highest if not self.is_stuck else 0):
            return None
        stands = self.head.ancestor(block.number) is block
        return None if self.forgets and not stands else block

    def _block(self, block: Block | None, full: bool) -> Json:
        if block is None:
            return None
        header = self._twisted(block, block.sealed.header, OF_BLOCKS)
        if full or (block.sealed.header is header and not header["transactions"]):
            return header
        return {**header, "transactions": [each["hash"] for each in header["transactions"]]}

    def _receipts(self, block: Block | None) -> Json:
        return None if block is None else self._twisted(block, block.sealed.receipts, OF_RECEIPTS)

    def _logs(self, asked: dict[str, Any]) -> Json:
        """`eth_getLogs` over a range or of one block, by addresses and first topics."""
        blocks = self._range(asked)
        addresses = asked.get("address") or []
        addresses = {each.lower() for each in ([addresses] if isinstance(addresses, str) else addresses)}
        topics = asked.get("topics") or []
        wanted = topics[0] if topics else None
        firsts = {wanted} if isinstance(wanted, str) else set(wanted or ())
        found = []
        for block in blocks:
            for receipt in self._receipts(block):
                for log in receipt["logs"]:
                    fits = not addresses or log["address"] in addresses
                    if fits and (not firsts or (log["topics"][:1] and log["topics"][0] in firsts)):
                        found.append({**log, "blockTimestamp": hex(block.sealed.timestamp)})
        return found

    def _range(self, asked: dict[str, Any]) -> list[Block]:
        if "blockHash" in asked:
            block = self._find(asked["blockHash"])
            if block is None:
                raise Declined(-32000, "unknown block")
            return [block]
        first, last = self._find(asked.get("fromBlock", "latest")), self._find(asked.get("toBlock", "latest"))
        if first is None:
            return []
        last = last or self.head
        return [each for each in reversed(list(last.lineage())) if first.number <= each.number]

    def _twisted(self, block: Block, truth: Json, fitting: tuple[Lie, ...]) -> Json:
        if not self.lies or self.chance.random() >= self.lies:
            return truth
        kinds = [each for each in fitting if each in self.kinds]
        return self.chance.choice(kinds)(self.chance, block, truth) if kinds else truth
