"""What everybody knows is worth nothing: development key, mnemonic and unlocked accounts are refused on real chains."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import httpx
import msgspec
import pytest

from chain.devnet import Devnet, DevnetSettings
from chain.signing import write_keystore
from receipts.deployment import Deployment, key_digest
from receipts.deployment import load as load_deployment
from receipts.keys import read_manifest, write_manifest
from receipts.settings import ReceiptSettings
from tests.integration.harness import COMMAND_S_MAX, spawn, tallystick
from tests.network import Network, development_account

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

REAL_CHAIN = 424242
PASSWORD = "correct horse battery staple"
COMMANDS = [("serve",), ("work",), ("node", "register")]


@pytest.fixture(scope="module")
def chain() -> Iterator[Devnet]:
    """A chain that is no development chain by its id; its node keeps accounts unlocked all the same."""
    with Devnet(DevnetSettings(chain_id=REAL_CHAIN)) as chain:
        yield chain


@pytest.fixture(scope="module")
def real(deployed_state: Path) -> Deployment:
    """A deployment that says it is on that chain and pins a key that is not for development."""
    found = load_deployment(deployed_state / "deployment.json")
    key = found.circuit.verifying_key | {"ceremony": "held elsewhere"}
    digest = "0x" + key_digest(key).hex()
    circuit = msgspec.structs.replace(found.circuit, development=False, verifying_key=key, digest=digest)
    return msgspec.structs.replace(found, chain_id=REAL_CHAIN, circuit=circuit)


@pytest.fixture
def wallet(tmp_path: Path) -> Path:
    """The encrypted key of somebody who kept it secret."""
    file = tmp_path / "wallet.json"
    write_keystore(b"\x42" * 32, PASSWORD, file)
    return file


def refused(chain: Devnet, deployment: Deployment, folder: Path, *words: str) -> str:
    """The one sentence that ends a command."""
    file = folder / "deployment.json"
    file.write_bytes(msgspec.json.encode(deployment))
    place = ("--deployment", str(file), "--rpc-url", chain.url)
    ledger = ("--ledger-url", f"sqlite:///{folder / 'ledger.db'}")
    done = tallystick(*words, *place, *ledger, TALLYSTICK_PASSWORD=PASSWORD)
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert not (folder / "ledger.db").exists(), "nothing was begun"
    return sentence


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_accounts_of_the_development_mnemonic_are_refused(
    chain: Devnet, real: Deployment, tmp_path: Path, command: tuple[str, ...]
) -> None:
    sentence = refused(chain, real, tmp_path, *command, "--development-account", "1")
    assert "is a well-known development account, and chain 424242 is no development chain" in sentence
    assert "create a key of your own" in sentence


def test_a_development_account_is_refused_from_an_encrypted_file_too(
    chain: Devnet, real: Deployment, tmp_path: Path
) -> None:
    disguise = tmp_path / "disguise.json"
    write_keystore(development_account(3).key, PASSWORD, disguise)
    assert "well-known development account" in refused(chain, real, tmp_path, "serve", "--keystore", str(disguise))


@pytest.mark.parametrize("development", [True, False], ids=["confessed", "denied"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_deployment_that_pins_the_development_key_is_refused(
    chain: Devnet, network: Network, tmp_path: Path, wallet: Path, command: tuple[str, ...], development: bool
) -> None:
    circuit = msgspec.structs.replace(network.deployment.circuit, development=development)
    pinned = msgspec.structs.replace(network.deployment, chain_id=REAL_CHAIN, circuit=circuit)
    sentence = refused(chain, pinned, tmp_path, *command, "--keystore", str(wallet))
    assert "the development key of circuit 'receipt' may not be used on chain 424242" in sentence
    assert "hold a ceremony" in sentence


@pytest.mark.parametrize("development", [True, False], ids=["confessed", "denied"])
def test_nothing_is_deployed_with_the_development_key(chain: Devnet, tmp_path: Path, development: bool) -> None:
    file = tmp_path / "new.json"
    keys = shutil.copytree(ReceiptSettings().keys_folder, tmp_path / "keys")
    write_manifest(keys, msgspec.structs.replace(read_manifest(keys), development=development))
    command = ["run", "deploy", "--network", chain.url, "--deployment", str(file), "--keys", str(keys)]
    process = spawn([str(Path(sys.executable).with_name("ape")), *command], {}, stdout=PIPE, stderr=PIPE)
    complained = process.communicate(timeout=COMMAND_S_MAX)[1].decode()
    assert process.returncode != 0
    assert "for development and may not be used on chain 424242: hold a ceremony" in complained
    assert "Traceback" not in complained
    assert not file.exists()
    assert blocks(chain) == 0


def blocks(chain: Devnet) -> int:
    """How many blocks the chain has: none comes without a transaction."""
    asked = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
    return int(httpx.post(chain.url, json=asked).json()["result"], 16)
