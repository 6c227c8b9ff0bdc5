"""`tallystick index` on a contract of anyone's: complete tables in a folder, and plain words about what can not be."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from api.figures import INDEXER, PREFIX
from bench.indexing.chains import Builder
from bench.indexing.emitter import Log, runtime_code
from chain.abi import signature_hash
from chain.devnet import Devnet, DevnetSettings, end_with_parent

TOKEN, SILENT = "0x" + "0a" * 20, "0x" + "0b" * 20
TRANSFER = {
    "type": "event",
    "name": "Transfer",
    "inputs": [
        {"name": "from", "type": "address", "indexed": True},
        {"name": "to", "type": "address", "indexed": True},
        {"name": "value", "type": "uint256", "indexed": False},
    ],
}
Ask = Callable[..., Any]
PATIENCE_S = 60.0
TAKEN_OVER_WITHIN_S = 5.0

pytestmark = pytest.mark.slow


def until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class Token:
    """A chain with a contract on it that is not ours."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.builder = Builder(url)
        self.builder.rpc(("anvil_setCode", TOKEN, "0x" + runtime_code().hex()))
        self.abi = folder / "Token.json"
        self.abi.write_text(json.dumps({"contractName": "Token", "abi": [TRANSFER]}))
        self._sent = 0

    def transfer(self, *values: int) -> None:
        """A block with as many transfers."""
        self.builder.mine([[self._log(value) for value in values]])

    def _log(self, value: int) -> Log:
        topics = (signature_hash(TRANSFER), b"\x01".rjust(32, b"\0"), b"\x02".rjust(32, b"\0"))
        return Log(bytes.fromhex(TOKEN[2:]), topics, value.to_bytes(32, "big"))

    def index(self, *more: str, **changed: str) -> "subprocess.CompletedProcess[str]":
        """Runs the command up to the head, with `changed` in place of its usual options."""
        usual = {"rpc": self.url, "contract": TOKEN, "abi": str(self.abi), "from": "0",
                 "data": str(self.folder / "data"), "finality": "depth:2"}  # fmt: skip
        flags = [word for name, value in {**usual, **changed}.items() for word in (f"--{name}", value)]
        command = [sys.executable, "-m", "tallystick", "index", *flags, "--until-caught-up", *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def start(self, log: Path, *more: str) -> "subprocess.Popen[bytes]":
        """Runs the command until it ends by itself or is ended."""
        flags = ["--rpc", self.url, "--contract", TOKEN, "--abi", str(self.abi), "--data", str(self.folder / "data")]
        command = [sys.executable, "-m", "tallystick", "index", *flags, *more]
        with log.open("wb") as told:
            return subprocess.Popen(command, stdout=told, stderr=told, preexec_fn=end_with_parent())

    @contextmanager
    def serving(self) -> Iterator[Ask]:
        """A function that asks the command's API, while it serves."""
        log = self.folder / "serve.log"
        process = self.start(log, "--serve", "--port", "0")
        try:
            until(lambda: "/events/v1/events" in log.read_text())
            base = log.read_text().partition("/events/v1/events")[0].split()[-1]

            def ask(path: str, status: int = 200) -> Any:
                answer = httpx.get(base + path)
                assert answer.status_code == status, answer.text
                return answer.json() if "json" in answer.headers["content-type"] else answer.text

            yield ask
        finally:
            process.terminate()
            assert process.wait(30) == 0

    def values(self) -> Sequence[str]:
        with duckdb.connect(str(self.folder / "data/events.duckdb"), read_only=True) as tables:
            return [row[0] for row in tables.execute("SELECT value FROM transfer ORDER BY block, log_index").fetchall()]


@pytest.fixture
def token(tmp_path: Path) -> Iterator[Token]:
    with Devnet(DevnetSettings(automine=False)) as devnet:
        yield Token(devnet.url, tmp_path)


def test_a_strangers_contract_becomes_tables_and_a_second_run_goes_on_where_the_first_ended(token: Token) -> None:
    token.transfer(1, 2)
    token.builder.skip(5)
    token.transfer(3)
    first = token.index()
    assert (first.returncode, first.stderr) == (0, "")
    assert "3 rows, 8 blocks" in first.stdout
    assert "level root" in first.stdout
    token.transfer(4)
    assert "4 rows, 1 blocks" in token.index().stdout
    assert token.values() == ["1", "2", "3", "4"]
    with duckdb.connect(str(token.folder / "data/events.duckdb"), read_only=True) as tables:
        ranges = tables.execute("SELECT first, last, level FROM integrity ORDER BY first").fetchall()
    assert ranges[0][0] == 0
    assert all(before[1] + 1 == after[0] for before, after in pairwise(ranges))
    assert {level for _, _, level in ranges} == {"root"}
    words = ("integrity", "--file", str(token.folder / "data/events.duckdb"), "--json")
    told = subprocess.run([sys.executable, "-m", "tallystick", *words], capture_output=True, check=True)
    assert json.loads(told.stdout)["summary"]["is_whole"]


def test_a_second_contract_takes_the_abi_of_the_first(token: Token) -> None:
    token.builder.rpc(("anvil_setCode", SILENT, "0x00"))
    token.transfer(1)
    assert "1 rows" in token.index("--contract", SILENT).stdout


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"contract": SILENT}, f"{SILENT} has no code on chain 31337"),
        ({"contract": "0x12"}, "'0x12' is no address: give 0x and 40 hex digits"),
        ({"from": "99"}, "--from 99 is beyond the head"),
        ({"level": "vibes"}, "level is 'vibes': choose 'root', 'bloom', or 'quorum:K'"),
        ({"level": "quorum:2"}, "level is 'quorum:2', but providers lists 1: list 2 or more"),
        ({"finality": "soon"}, "finality is 'soon'"),
        ({"rpc": "ftp://here"}, "rpc_url is 'ftp://here'"),
        ({"projection": "explorer"}, "no ABI given has the event InferenceRequested"),
        ({"abi": "missing.json"}, "ABI missing.json: No such file"),
        ({"abi": "odd"}, "event Odd: argument 'x' has the type 'uint7', which no ABI knows"),
    ],
)
def test_a_bad_order_is_told_in_one_sentence_and_leaves_nothing(
    token: Token, changed: dict[str, str], said: str
) -> None:
    token.transfer(1)
    odd = {"type": "event", "name": "Odd", "inputs": [{"name": "x", "type": "uint7"}]}
    (token.folder / "odd.json").write_text(json.dumps([odd]))
    if changed.get("abi") == "odd":
        changed = {"abi": str(token.folder / "odd.json")}
    ended = token.index(**changed)
    assert ended.returncode != 0
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (token.folder / "data").exists()


def test_several_providers_without_a_chain_id_are_refused(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    token.transfer(1)
    providers = [{"name": name, "url": token.url} for name in ("one", "other")]
    monkeypatch.setenv("TALLYSTICK_CHAIN_PROVIDERS", json.dumps(providers))
    ended = token.index(rpc="http://127.0.0.1:8545")
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert "chain_id is not set: with several providers it tells one of another chain from the rest" in ended.stderr
    assert not (token.folder / "data").exists()
    monkeypatch.setenv("TALLYSTICK_CHAIN_CHAIN_ID", "31337")
    assert "1 rows" in token.index(rpc="http://127.0.0.1:8545", level="quorum:2").stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "it must be JSON, as the compiler wrote it"),
        ("[]", "has no events"),
        ('{"abi": 1}', "neither a list of entries nor an object with one"),
        ('[{"type": "event", "name": "E"}]', "event 'E'"),
        ('[{"type": "event", "name": "E", "inputs": [{"name": "x"}]}]', "event 'E'"),
    ],
)
def test_a_bad_abi_is_told_with_its_file(token: Token, text: str, said: str) -> None:
    token.abi.write_text(text)
    ended = token.index()
    assert ended.returncode != 0
    assert said in ended.stderr
    assert "Token.json" in ended.stderr


def test_a_folder_of_another_index_is_refused_and_stays_as_it_is(token: Token) -> None:
    token.transfer(1)
    assert token.index().returncode == 0
    token.builder.rpc(("anvil_setCode", SILENT, "0x00"))
    before = (token.folder / "data/index.json").read_bytes()
    for changed, said in (
        ({"contract": SILENT}, f"contracts {TOKEN}, not {SILENT}"),
        ({"from": "1"}, "first 0, not 1"),
    ):
        ended = token.index(**changed)
        assert ended.returncode != 0
        assert said in ended.stderr
    assert (token.folder / "data/index.json").read_bytes() == before
    with Devnet(DevnetSettings(automine=False, chain_id=1337)) as other:
        Token(other.url, token.folder)
        assert "chain_id 31337, not 1337" in token.index(rpc=other.url).stderr
    assert token.values() == ["1"]


def test_a_folder_or_tables_of_another_version_are_refused_and_stay_as_they_are(token: Token) -> None:
    token.transfer(1)
    assert token.index().returncode == 0
    file = token.folder / "data/index.json"
    good = file.read_text()
    for other, said in (
        (good.replace('"version": 1', '"version": 2'), "version 2, not 1"),
        (good.replace('"version"', '"edition"'), "it is not one of this version's"),
        (good[:40], "it is not one of this version's"),
    ):
        file.write_text(other)
        ended = token.index()
        assert (ended.returncode, ended.stdout) == (1, "")
        assert said in ended.stderr
        assert file.read_text() == other
    file.write_text(good)
    with duckdb.connect(str(token.folder / "data/events.duckdb")) as tables:
        tables.execute("UPDATE final.progress SET schema_version = 999")
    assert "are of schema version 999" in token.index().stderr
    (token.folder / "data/events.duckdb").unlink()
    assert "1 rows" in token.index().stdout, "made anew from the ledger"


def test_a_folder_that_holds_something_else_is_not_touched(token: Token) -> None:
    (token.folder / "data").mkdir()
    (token.folder / "data/diary.txt").write_text("dear diary")
    ended = token.index()
    assert "is not empty and has no index.json" in ended.stderr
    assert [file.name for file in (token.folder / "data").iterdir()] == ["diary.txt"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_second_one_on_the_same_folder_waits_and_takes_over(token: Token, number: signal.Signals) -> None:
    token.transfer(1)
    first, second = token.folder / "first.log", token.folder / "second.log"
    leading = token.start(first, "--serve", "--port", "0")
    until(lambda: "/events/v1/events" in first.read_text())
    waiting = token.start(second, "--until-caught-up")
    until(lambda: "waiting to take over" in second.read_text())
    token.transfer(2)
    leading.send_signal(number)
    leading.wait(PATIENCE_S)
    began = time.monotonic()
    assert waiting.wait(PATIENCE_S) == 0
    assert time.monotonic() - began < TAKEN_OVER_WITHIN_S
    assert token.values() == ["1", "2"]


def test_one_that_waits_for_another_can_be_stopped(token: Token) -> None:
    token.transfer(1)
    first, second = token.folder / "first.log", token.folder / "second.log"
    leading = token.start(first, "--serve", "--port", "0")
    until(lambda: "/events/v1/events" in first.read_text())
    waiting = token.start(second)
    until(lambda: "waiting to take over" in second.read_text())
    waiting.terminate()
    assert waiting.wait(PATIENCE_S) == 0
    leading.terminate()
    assert leading.wait(PATIENCE_S) == 0


def test_the_tables_are_served_while_they_grow(token: Token) -> None:
    token.transfer(1, 2)
    token.transfer(3)
    with token.serving() as ask:
        until(lambda: ask("/health")["head"] == 2)
        assert ask("/ready") == {"ready": True, "head": 2, "final": 0, "chain_head": 2, "lag_blocks": 0}
        metrics = ask("/metrics")
        assert "tallystick_indexer_indexed_block 2.0" in metrics
        assert all(f"{PREFIX}{each.name}" in metrics for each in INDEXER)
        page = ask("/events/v1/events?name=Transfer&limit=2")
        assert [event["args"]["value"] for event in page["data"]] == ["3", "2"]
        assert page["data"][0]["is_final"] is False
        rest = ask(f"/events/v1/events?name=Transfer&limit=2&cursor={page['next']}")
        assert ([event["args"]["value"] for event in rest["data"]], rest["next"]) == (["1"], None)
        assert len(ask("/events/v1/events?arg.value=3")["data"]) == 1
        assert ask("/events/v1/tables")[0]["columns"][0] == {
            "name": "from", "type": "VARCHAR", "comment": "from: address, indexed",
        }  # fmt: skip
        token.transfer(4)
        until(lambda: len(ask("/events/v1/events?block=3")["data"]) == 1)
        assert ask("/events/v1/integrity")[-1]["first"] == 0
        for wrong, said in (
            ("name=Mint", "no event 'Mint' in the ABI"),
            ("arg.colour=red", "no event has all of the arguments colour"),
            ("value=3", "there is no parameter 'value': arguments of events are asked for as arg.value"),
            ("block=-1", "block is '-1', not a number"),
            ("cursor=x", "cursor 'x' is none of ours"),
        ):
            assert said in ask(f"/events/v1/events?{wrong}", 400)["detail"]
