"""What is wrong with a machine, a file or a setting is told in one sentence that says what to do; nothing is begun."""

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chain.devnet import Devnet, DevnetSettings
from chain.signing import write_keystore
from domain.ledger import Ledger
from receipts.model_manifest import FILE_NAME
from receipts.settings import ReceiptSettings
from tests.integration.harness import House, free_port, house_on, tallystick, write_settings
from tests.network import running
from tests.worker.lab import MODEL_MANIFEST
from worker.journal import KINDS

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

NO_ENGINE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def house(deployed_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house in which nothing was ever started, and nothing will come to be: the tests here share it."""
    with (
        running(deployed_state) as network,
        house_on(network, tmp_path_factory.mktemp("house"), NO_ENGINE) as house,
    ):
        house.hire()
        yield house


def refused(house: House, name: str, *words: str, **environ: str) -> str:
    """The sentence that ends a command, which has sent and recorded nothing, but may have told what it waits for."""
    height = house.height
    environ = {"TALLYSTICK_DEPLOYMENT": str(house.network.deployment_file)} | environ
    done = tallystick("--config", str(house.settings_file(name)), *words, **environ)
    assert done.returncode == 1, done.stdout + done.stderr
    *waits, sentence = done.stderr.splitlines()
    assert all("trying again until it works" in line for line in waits), done.stderr
    assert sentence.startswith("Error: ")
    assert "unexpected" not in sentence
    assert house.height == height
    assert facts_in(house.folder) == 0
    return sentence


def facts_in(folder: Path) -> int:
    """How much the ledgers there have on record."""
    ledgers = [Ledger(f"sqlite:///{file}", KINDS) for file in folder.glob("*.db")]
    try:
        return sum(ledger.position() for ledger in ledgers)
    finally:
        for ledger in ledgers:
            ledger.close()


COMMANDS = [("serve", "serve"), ("serve", "index"), ("work-0", "work"), ("work-0", "node", "register")]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[-1])
def test_without_a_chain_the_url_that_does_not_answer_is_named(house: House, command: tuple[str, ...]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    sentence = refused(house, *command, "--rpc-url", url)
    assert url in sentence
    assert "start that node, or correct rpc_url" in sentence


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[-1])
def test_a_chain_of_another_id_is_refused_with_both_ids(house: House, command: tuple[str, ...]) -> None:
    with Devnet(DevnetSettings(chain_id=424242)) as other:
        sentence = refused(house, *command, "--rpc-url", other.url)
    assert "serves chain 424242, the deployment is on chain 31337: name a node of that chain" in sentence


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[-1])
def test_a_deployment_of_another_chain_of_the_same_id_is_refused(house: House, command: tuple[str, ...]) -> None:
    with Devnet() as other:
        sentence = refused(house, *command, "--rpc-url", other.url)
    assert "serves another chain of id 31337" in sentence
    assert "needs a new deployment" in sentence


def test_a_deployment_that_is_missing_or_cut_off_is_named(house: House) -> None:
    cut = house.folder / "cut.json"
    cut.write_bytes(house.network.deployment_file.read_bytes()[:500])
    absent = str(house.folder / "absent.json")
    assert "absent.json: no such file; deploy first" in refused(house, "serve", "serve", TALLYSTICK_DEPLOYMENT=absent)
    assert "deploy again, or restore the file" in refused(house, "serve", "serve", TALLYSTICK_DEPLOYMENT=str(cut))


def test_a_port_in_use_is_named_before_the_chain_is_read(house: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = refused(house, "serve", "serve", "--port", str(port))
    assert f"127.0.0.1:{port}, where the API should listen" in sentence
    assert "choose another port" in sentence


def test_a_worker_without_vllm_says_where_it_is_or_what_does_without(house: House) -> None:
    model = house.folder / "model"
    model.mkdir()
    (model / FILE_NAME).write_bytes(MODEL_MANIFEST)
    sentence = refused(house, "work-0", "work", "--engine", "vllm", "--model-folder", str(model))
    assert "vLLM is not installed" in sentence
    assert "--engine openai" in sentence


KEYSTORES: dict[str, tuple[bytes, str]] = {
    "cut off": (b'{"crypto": ', "is not JSON: name an encrypted keystore file"),
    "emptied": (b'{"crypto": {}}', "lacks fields of a version 3 keystore"),
    "no text": (b"\x80\xff\x00", "is not JSON: name an encrypted keystore file"),
}


@pytest.mark.parametrize(("content", "words"), KEYSTORES.values(), ids=KEYSTORES)
def test_a_damaged_wallet_is_named(house: House, content: bytes, words: str) -> None:
    wallet = house.folder / "wallet.json"
    wallet.write_bytes(content)
    with_settings(house, lambda settings: settings | {"wallet": {"keystore": str(wallet)}})
    assert words in refused(house, "changed", "serve", TALLYSTICK_PASSWORD="any")


def test_a_wallet_with_another_password_is_named(house: House) -> None:
    wallet = house.folder / "locked.json"
    write_keystore(b"\x42" * 32, "the right one", wallet)
    with_settings(house, lambda settings: settings | {"wallet": {"keystore": str(wallet)}})
    sentence = refused(house, "changed", "serve", TALLYSTICK_PASSWORD="another")
    assert f"{wallet}" in sentence
    assert "password" in sentence


def test_a_wallet_whose_password_nobody_gives_says_how_to_give_it(house: House) -> None:
    with_settings(house, lambda settings: settings | {"wallet": {"keystore": str(house.folder / "wallet.json")}})
    assert "name --password-file FILE, or set TALLYSTICK_PASSWORD" in refused(house, "changed", "serve")


@pytest.mark.parametrize("file", ["receipt.zkey", "receipt.wasm", "verifying_key.json"])
def test_a_proving_key_that_differs_in_one_bit_is_refused(house: House, file: str) -> None:
    keys = house.folder / f"keys-{file}"
    shutil.copytree(ReceiptSettings().keys_folder, keys)
    damaged = bytearray((keys / file).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (keys / file).write_bytes(damaged)
    sentence = refused(house, "work-0", "work", TALLYSTICK_RECEIPTS_KEYS_FOLDER=str(keys))
    assert f"{file}: its SHA-256 is" in sentence
    assert "restore the file" in sentence


def test_a_misspelt_setting_is_answered_with_the_right_name(house: House) -> None:
    assert "Did you mean 'port'?" in refused(house, "serve", "serve", TALLYSTICK_API_PROT="1")


def test_an_api_that_is_not_there_is_named(house: House) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    for words in (["ask", "anyone?"], ["status"], ["quote"]):
        sentence = refused(house, "serve", *words, "--api-url", url)
        assert url in sentence
        assert "start the network with `tallystick up`" in sentence


def with_settings(house: House, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    write_settings(house.settings_file("changed"), change(house.serve_settings()))
