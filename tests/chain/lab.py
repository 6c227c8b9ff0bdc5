"""A development chain whose one contract logs what it is told to, for tests that need real blocks with our events."""

import asyncio
from collections.abc import Callable
from typing import Any

from eth_abi.abi import encode

from chain.abi import signature_hash
from chain.decoding import Decoder
from chain.identity import Pins
from chain.node import Node
from chain.settings import ChainSettings, ProviderSettings

# Logs its calldata as (topic0, topic1 + countdown, topic2, repetitions, data...).
SPEAKER_CODE = "0x60803603806080600037606035" + "5b80156029576040356020358201600035" + "846000a3600190036" + "00d565b00"
SPEAKER = bytes.fromhex("5eaceaceaceaceaceaceaceaceaceaceaceacea1")
STRANGER = bytes.fromhex("57a57a57a57a57a57a57a57a57a57a57a57a57a1")
WORKER = bytes.fromhex("aa" * 20)
LOOK_EACH_S = 0.002


def event(name: str, *inputs: tuple[str, str, bool]) -> dict[str, Any]:
    fields = [{"name": field, "type": kind, "indexed": indexed} for field, kind, indexed in inputs]
    return {"type": "event", "name": name, "inputs": fields}


CLAIMED = event("JobClaimed", ("jobId", "uint256", True), ("worker", "address", True), ("leaseUntil", "uint256", False))
COMPLETED = event(
    "InferenceCompleted", ("jobId", "uint256", True), ("worker", "address", True), ("responseCID", "string", False)
)
ABI = [CLAIMED, COMPLETED]


class Lab:
    """Speaks through the contract and mines by hand: every call makes one block."""

    def __init__(self, node: Node, genesis_hash: str) -> None:
        self.node = node
        self.decoder = Decoder([(SPEAKER, ABI)])
        self.pins = Pins(31337, 0, genesis_hash)

    async def claim(self, *job_ids: int, repeat: int = 1, by: bytes = SPEAKER) -> None:
        """One block with a transaction for each job, which claims the `repeat` jobs from it on, the last first."""
        for job_id in job_ids:
            await self.send(by, claim_data(job_id, repeat))
        await self.mine()

    async def complete(self, job_id: int, response_cid: str) -> None:
        data = words(signature_hash(COMPLETED), job_id - 1, WORKER, 1) + encode(["string"], [response_cid])
        await self.send(SPEAKER, data)
        await self.mine()

    async def send(self, to: bytes, data: bytes, gas: int = 20_000_000) -> str:
        sender = (await self.node.call("eth_accounts"))[0]
        order = {"from": sender, "to": "0x" + to.hex(), "data": "0x" + data.hex(), "gas": hex(gas)}
        digest: str = await self.node.call("eth_sendTransaction", [order])
        return digest

    async def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            await self.node.call("evm_mine")

    async def reorganise(self, depth: int, *claims: int) -> None:
        """Replaces the newest blocks; the first of the new ones claims the jobs."""
        sender = (await self.node.call("eth_accounts"))[0]
        orders = [
            [{"from": sender, "to": "0x" + SPEAKER.hex(), "data": "0x" + claim_data(job_id).hex()}, 0]
            for job_id in claims
        ]
        await self.node.call("anvil_reorg", [depth, orders])

    async def snapshot(self) -> str:
        name: str = await self.node.call("evm_snapshot")
        return name

    async def revert(self, snapshot: str) -> None:
        assert await self.node.call("evm_revert", [snapshot])


async def open_lab(node: Node) -> Lab:
    for address in (SPEAKER, STRANGER):
        await node.call("anvil_setCode", ["0x" + address.hex(), SPEAKER_CODE])
    genesis = await node.call("eth_getBlockByNumber", ["0x0", False])
    return Lab(node, genesis["hash"])


def claim_data(job_id: int, repeat: int = 1) -> bytes:
    return words(signature_hash(CLAIMED), job_id - 1, WORKER, repeat, 1_700_000_000)


def words(*values: int | bytes) -> bytes:
    return b"".join(each.to_bytes(32, "big") if isinstance(each, int) else each.rjust(32, b"\0") for each in values)


QUICK: dict[str, Any] = {
    "finality": "depth:8",
    "attempts": 2,
    "backoff_s": 0.01,
    "backoff_max_s": 0.03,
    "request_timeout_s": 2,
    "poll_interval_s": 0.02,
    "stale_after_s": 0.3,
    "behind_after_s": 0.4,
    "distrust_s": 0.3,
}
"""Settings that try again at once, so that faults and their end show within a test."""


def impatient(rpc_url: str, **others: Any) -> ChainSettings:
    return ChainSettings(rpc_url=rpc_url, **(QUICK | others))


def impatient_of(*providers: ProviderSettings, **others: Any) -> ChainSettings:
    """The same of several providers."""
    return ChainSettings(providers=providers, **(QUICK | {"chain_id": 31337} | others))


async def eventually(holds: Callable[[], bool], timeout_s: float = 10) -> None:
    """Waits for a condition, at most so long."""
    for _ in range(int(timeout_s / LOOK_EACH_S)):
        if holds():
            return
        await asyncio.sleep(LOOK_EACH_S)
    raise TimeoutError(f"not so after {timeout_s} s")
