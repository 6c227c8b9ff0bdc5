"""A size goes in; a running anvil that holds a chain of that many of our events comes out, built once and then loaded.

`python -m bench.indexing.chains 100k` builds one and stays until Ctrl-C, for whoever wants to measure something of his
own; it prints the node's URL and the deployment's file.
"""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bench.indexing.emitter import Log, calldata, runtime_code
from bench.indexing.histories import Histories
from chain.devnet import Devnet, DevnetSettings
from receipts.deployment import Contract, Deployment, load, write
from tests.network import deployed

CHAINS = Path(__file__).resolve().parents[2] / ".build/bench/indexing"
VERSION = 1
"""Grows whenever the chains are to be built anew."""

GENESIS_S = 1_700_000_000
PATIENCE_S = 600.0
TX_GAS, FEE = 7_000_000, 10**11
SENDERS = 4
ADDRESSES = {
    "InferenceCoordinator": "0x" + "c0" * 20,
    "ModelRegistry": "0x" + "c1" * 20,
    "NodeProfileRegistry": "0x" + "c2" * 20,
}
SPARSE = "sparse"
SPARSE_BLOCKS, SPARSE_EVERY = 200_000, 50
SIZES = {"10k": 10_000, "25k": 25_000, "100k": 100_000, "400k": 400_000, "500k": 500_000, "1600k": 1_600_000}


class Chain(Struct, frozen=True):
    """What lies in a chain's folder, said once it is whole."""

    folder: Path
    size: str
    version: int
    logs: int
    blocks: int

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    @property
    def deployment_file(self) -> Path:
        return self.folder / "deployment.json"


class Builder:
    """Speaks through the emitter, and mines by hand."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=PATIENCE_S)
        self._accounts: list[str] = self.rpc(("eth_accounts",))[0]
        self._nonces = [0] * SENDERS
        self.logs = self.height = 0

    def rpc(self, *calls: tuple[Any, ...]) -> list[Any]:
        """The answers, in the order of the calls. The node may work on them in another."""
        body = [{"jsonrpc": "2.0", "id": i, "method": name, "params": args} for i, (name, *args) in enumerate(calls)]
        answers = {each["id"]: each for each in msgspec.json.decode(self._http.post("/", json=body).content)}
        for call, answer in zip(calls, (answers[i] for i in range(len(calls))), strict=True):
            if "result" not in answer:
                raise SystemExit(f"anvil refuses {call[0]}: {answer.get('error')}")
        return [answers[i]["result"] for i in range(len(calls))]

    def resume(self) -> None:
        """Goes on with a chain that was built before."""
        senders = self._accounts[:SENDERS]
        *nonces, height = self.rpc(
            *[("eth_getTransactionCount", each, "latest") for each in senders], ("eth_blockNumber",)
        )
        self._nonces, self.height = [int(each, 16) for each in nonces], int(height, 16)

    def mine(self, transactions: Sequence[Sequence[Log]]) -> None:
        """A block of these transactions, in this order or another."""
        self.rpc(*[self._transaction(i, logs) for i, logs in enumerate(transactions)])
        self.rpc(("evm_mine",))
        self.logs += sum(map(len, transactions))
        self.height += 1

    def skip(self, blocks: int) -> None:
        """Empty blocks."""
        self.rpc(("anvil_mine", hex(blocks)))
        self.height += blocks

    def _transaction(self, sender: int, logs: Sequence[Log]) -> tuple[Any, ...]:
        nonce, self._nonces[sender] = self._nonces[sender], self._nonces[sender] + 1
        return (
            "eth_sendTransaction",
            {
                "from": self._accounts[sender],
                "to": "0x" + logs[0].contract.hex(),
                "nonce": hex(nonce),
                "gas": hex(TX_GAS),
                "maxFeePerGas": hex(FEE),
                "maxPriorityFeePerGas": "0x1",
                "data": "0x" + calldata(logs).hex(),
            },
        )


@contextmanager
def running(size: str) -> Iterator[tuple[Chain, Devnet]]:
    """The chain of that size on an anvil of its own, built first if it was not yet."""
    chain = kept(size) or build(size)
    extra = ("--load-state", str(chain.state))
    with Devnet(settings(extra)) as devnet:
        yield chain, devnet


def settings(extra: tuple[str, ...]) -> DevnetSettings:
    return DevnetSettings(automine=False, genesis_time_s=GENESIS_S, timeout_s=PATIENCE_S, extra=extra)


def kept(size: str) -> Chain | None:
    """The chain as an earlier run left it, unless it was built by other rules."""
    try:
        chain = msgspec.json.decode((CHAINS / size / "chain.json").read_bytes(), type=Chain, dec_hook=_path)
    except FileNotFoundError:
        return None
    return chain if chain.version == VERSION else None


def build(size: str) -> Chain:
    folder = CHAINS / size
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    state, began = folder / "state.json", time.monotonic()
    with Devnet(settings(("--dump-state", str(state)))) as devnet:
        builder = Builder(devnet.url)
        deployment = _prepare(builder)
        write(deployment, folder / "deployment.json")
        (_build_sparse if size == SPARSE else _build_dense)(builder, Histories(deployment), SIZES.get(size, 0))
    chain = Chain(folder, size, VERSION, builder.logs, builder.height)
    (folder / "chain.json").write_bytes(msgspec.json.encode(chain, enc_hook=str))
    print(f"built {size}: {chain.logs} logs in {chain.blocks} blocks, {time.monotonic() - began:.0f} s", flush=True)
    return chain


def _prepare(builder: Builder) -> Deployment:
    """Lays the emitter where the contracts are to be; they are what a real deployment has, at other addresses."""
    code = "0x" + runtime_code().hex()
    builder.rpc(*[("anvil_setCode", address, code) for address in ADDRESSES.values()])
    builder.rpc(("anvil_setBlockTimestampInterval", 1))
    genesis = builder.rpc(("eth_getBlockByNumber", "0x0", False))[0]["hash"]
    real = load(deployed() / "deployment.json")
    moved = {name: Contract(ADDRESSES.get(name, each.address), each.abi) for name, each in real.contracts.items()}
    return replace(real, block=1, genesis_hash=genesis, contracts=moved)


def _build_dense(builder: Builder, histories: Histories, logs: int) -> None:
    builder.mine(histories.founding())
    for block in histories.blocks(GENESIS_S):
        builder.mine(block)
        if builder.logs >= logs:
            return


def _build_sparse(builder: Builder, histories: Histories, logs: int) -> None:  # noqa: ARG001 - like the dense one
    builder.mine(histories.founding())
    for i in range((SPARSE_BLOCKS - 1) // SPARSE_EVERY):
        builder.skip(SPARSE_EVERY - 1)
        builder.mine([histories.sparse(i)])


def _path(kind: type, value: Any) -> Any:
    return kind(value)


def main() -> None:
    with running(sys.argv[1] if len(sys.argv) > 1 else "100k") as (chain, devnet):
        print(f"{chain.logs} logs in {chain.blocks} blocks at {devnet.url} {devnet.ws_url}")
        print(f"deployment: {chain.deployment_file}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
