"""The contract sources go in; a development chain with everything deployed comes out, a fresh one for each test."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from operator import itemgetter
from pathlib import Path
from typing import Any

import eth_account
import httpx
import msgspec
from eth_abi.abi import decode, encode

from chain.devnet import MNEMONIC, Devnet, DevnetSettings, genesis_file
from receipts.content.unixfs import cid_of
from receipts.deployment import Deployment, load
from receipts.keccak import keccak256

ROOT = Path(__file__).resolve().parent.parent
STATES = ROOT / ".build/networks"
MODEL_ID = "smollm2-135m-instruct"
MODEL_CID = str(cid_of(b'{"files":[],"schema":"tallystick/model/1"}'))
# Whatever can change what is deployed, and how.
SOURCES = ("contracts/**/*.vy", "contracts/circuits/keys/**/*.json", "scripts/deploy.py", "tests/network.py")
MINED_WITHIN_S = 20.0


class Reverted(Exception):
    """The chain refused a call or a transaction; the message holds the contract's reason."""


class Account(msgspec.Struct, frozen=True):
    """A development account: its address, and the private key that everybody knows."""

    address: bytes
    key: bytes

    @property
    def hex(self) -> str:
        return "0x" + self.address.hex()


def development_account(index: int) -> Account:
    eth_account.Account.enable_unaudited_hdwallet_features()
    account = eth_account.Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return Account(bytes.fromhex(account.address[2:]), bytes(account.key))


OWNER, ORDERER, *WORKERS = (development_account(index) for index in range(6))


class Network:
    """A running chain with the contracts on it: calls and transactions by name, from unlocked accounts."""

    owner, orderer, workers = OWNER, ORDERER, WORKERS

    def __init__(self, devnet: Devnet, deployment: Deployment, deployment_file: Path) -> None:
        self.devnet = devnet
        self.deployment = deployment
        self.deployment_file = deployment_file
        self._http = httpx.Client(base_url=devnet.url, timeout=30)

    @property
    def url(self) -> str:
        return self.devnet.url

    @property
    def ws_url(self) -> str:
        return self.devnet.ws_url

    def rpc(self, method: str, *params: Any) -> Any:
        """What the node answers. Raises Reverted with the node's words if it refuses."""
        return self._rpc_all([(method, params)])[0]

    def call(self, contract: str, function: str, *arguments: Any) -> Any:
        """The answer of a view: one value, or a tuple of several."""
        return self.call_all([(contract, function, *arguments)])[0]

    def call_all(self, questions: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The answers of many views, each asked as (contract, function, *arguments), in one round trip."""
        functions = [self._function(contract, function) for contract, function, *_ in questions]
        answers = self._rpc_all(
            [
                ("eth_call", (self._message(question[0], abi, question[2:]), "latest"))
                for question, abi in zip(questions, functions, strict=True)
            ]
        )
        return [_returned(abi, answer) for abi, answer in zip(functions, answers, strict=True)]

    def send(
        self, sender: Account, contract: str, function: str, *arguments: Any, value: int = 0, gas: int | None = None
    ) -> str:
        """Sends a transaction and returns its hash; given its `gas`, it is mined even where it reverts."""
        message = self._message(contract, self._function(contract, function), arguments)
        limit = {} if gas is None else {"gas": hex(gas)}
        return str(self.rpc("eth_sendTransaction", {**message, **limit, "from": sender.hex, "value": hex(value)}))

    def transact(self, sender: Account, contract: str, function: str, *arguments: Any, value: int = 0) -> Any:
        """Sends a transaction and returns its receipt once it is mined."""
        return self.mined(self.send(sender, contract, function, *arguments, value=value))

    def mined(self, transaction: str) -> Any:
        deadline = time.monotonic() + MINED_WITHIN_S
        while (receipt := self.rpc("eth_getTransactionReceipt", transaction)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"transaction {transaction} is not mined after {MINED_WITHIN_S:.0f} s")
            time.sleep(0.002)
        return receipt

    def mine(self, blocks: int = 1) -> None:
        self.rpc("anvil_mine", hex(blocks))

    def jump(self, seconds: int) -> None:
        """Mines a block whose time is `seconds` ahead."""
        self.rpc("evm_increaseTime", hex(seconds))
        self.mine()

    def register_worker(self, index: int = 0) -> Account:
        """Stakes for one of the development workers, so that it may claim."""
        worker = self.workers[index]
        stake = self.call("NodeProfileRegistry", "minStake")
        self.transact(worker, "NodeProfileRegistry", "registerNode", 16_384, 0, 90, value=stake)
        return worker

    def order(self, prompt_cid: str, value: int = 10**16) -> int:
        """Has the orderer ask the registered model; returns the job's id."""
        receipt = self.transact(self.orderer, "InferenceCoordinator", "submitPrompt", prompt_cid, MODEL_ID, value=value)
        return int(receipt["logs"][0]["topics"][1], 16)

    def close(self) -> None:
        self._http.close()

    def _rpc_all(self, requests: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any]:
        bodies = [
            {"jsonrpc": "2.0", "id": index, "method": method, "params": params}
            for index, (method, params) in enumerate(requests)
        ]
        answers = self._http.post("", json=bodies).json()
        for answer in answers:
            if "error" in answer:
                raise Reverted(answer["error"]["message"])
        return [answer["result"] for answer in sorted(answers, key=itemgetter("id"))]

    def _function(self, contract: str, name: str) -> dict[str, Any]:
        functions = self.deployment.contracts[contract].abi
        return next(each for each in functions if each["type"] == "function" and each["name"] == name)

    def _message(self, contract: str, abi: dict[str, Any], arguments: tuple[Any, ...]) -> dict[str, str]:
        types = [_type(each) for each in abi["inputs"]]
        selector = keccak256(f"{abi['name']}({','.join(types)})".encode())[:4]
        data = selector + encode(types, arguments)
        return {"to": self.deployment.contracts[contract].address, "data": "0x" + data.hex()}


@contextmanager
def running(folder: Path, settings: DevnetSettings | None = None) -> Iterator[Network]:
    """A chain of its own that begins where the deployment kept in `folder` ended."""
    settings = settings or DevnetSettings()
    state = folder / "state.json"
    begin = ("--load-state", str(state))
    deployment_file = folder / "deployment.json"
    settings = msgspec.structs.replace(
        settings, extra=(*settings.extra, *begin), genesis_time_s=int(genesis_file(state).read_text())
    )
    with Devnet(settings) as devnet:
        network = Network(devnet, load(deployment_file), deployment_file)
        try:
            yield network
        finally:
            network.close()


def deployed() -> Path:
    """The folder with the deployed state and its deployment.json, made anew whenever a source has changed."""
    folder = STATES / _digest()
    STATES.mkdir(parents=True, exist_ok=True)
    with (STATES / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not folder.exists():
            _deploy(folder)
    return folder


def _deploy(folder: Path) -> None:
    unfinished = folder.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    with Devnet(DevnetSettings(state=unfinished / "state.json")) as devnet:
        command = [str(_ape()), "run", "deploy", "--network", devnet.url, "--model", MODEL_ID, MODEL_CID]
        done = subprocess.run(
            [*command, "--deployment", str(unfinished / "deployment.json")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    if done.returncode != 0:
        raise RuntimeError(f"the contracts could not be deployed:\n{done.stdout}\n{done.stderr}")
    unfinished.rename(folder)


def _ape() -> Path:
    """Ape of this environment, or of the one that `make` builds: the worker's has none."""
    beside = Path(sys.executable).parent / "ape"
    return beside if os.access(beside, os.X_OK) else ROOT / ".venv/bin/ape"


def _digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _returned(abi: dict[str, Any], answer: str) -> Any:
    values = decode([_type(each) for each in abi["outputs"]], bytes.fromhex(answer[2:]))
    return values[0] if len(values) == 1 else values


def _type(parameter: dict[str, Any]) -> str:
    """The canonical ABI type: a struct is written as the tuple of its members."""
    if not parameter["type"].startswith("tuple"):
        return str(parameter["type"])
    members = ",".join(_type(each) for each in parameter["components"])
    return f"({members})" + str(parameter["type"])[len("tuple") :]
