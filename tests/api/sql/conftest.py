"""A running API with its SQL gate in a process of its own, as `serve` has it."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from api.app import create_app
from api.sql.door import SqlDoor
from api.sql.gate import Plan
from api.sql.replica import Source
from api.sql.settings import SqlSettings
from chain.devnet import end_with_parent
from tests.api.chain import CHAIN_ID, SIGNING, until
from tests.api.conftest import ANSWER, House, opened, serving

SETTINGS = SqlSettings(seconds_max=2.0, rows_max=1000, answer_bytes_max=4 * 1024 * 1024, niceness=0)


class Asked(Struct):
    """A house, a client of its API, and where its gate is."""

    house: House
    http: httpx.Client
    settings: SqlSettings
    warden: int

    def sql(self, query: str, **body: object) -> httpx.Response:
        return self.http.post("/explorer/v1/sql", json={"query": query, **body})

    def rows(self, query: str) -> list[list[object]]:
        answer = self.sql(query)
        assert answer.status_code == 200, answer.text
        rows: list[list[object]] = answer.json()["rows"]
        return rows


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def asked(house: House, settings: SqlSettings) -> Iterator[Asked]:
    """With a gate over the ledger of `house`, level with it."""
    settings = replace(settings, quack_port=free_port(), tokens=house.folder / "tokens.json")
    source = Source(f"sqlite:///{house.folder}/ledger.db", CHAIN_ID, "", house.folder / "explorer-sql.duckdb")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sql"
        warden = subprocess.Popen(
            [sys.executable, "-m", "api.sql.warden", str(path)], stdin=subprocess.PIPE, preexec_fn=end_with_parent()
        )
        try:
            assert warden.stdin is not None
            warden.stdin.write(msgspec.json.encode(Plan(source, settings), enc_hook=str) + b"\n")
            warden.stdin.flush()
            app = create_app(replace(house.parts(), sql=SqlDoor(str(path), settings)))
            with serving(app) as url, httpx.Client(base_url=url, timeout=30) as http:
                until(path.exists)
                found = Asked(house, http, settings, warden.pid)
                until(lambda: found.sql("SELECT 1").status_code == 200)
                yield found
        finally:
            warden.kill()
            warden.wait()


def level(asked: Asked) -> None:
    """Waits until the replica shows what the explorer does."""
    head = asked.house.explorer.head()
    until(lambda: asked.sql("SELECT 1 AS head").json()["head"]["hash"] == head.hash)


@contextmanager
def standing(folder: Path) -> Iterator[Asked]:
    """Five jobs: 1 settled, 2 claimed, 3 cancelled, 4 and 5 open."""
    with opened(folder) as house:
        house.chain.begin()
        with asked(house, SETTINGS) as found:
            for _ in range(5):
                assert found.http.post("/v1/prompts", json={"prompt": "Why?", "max_tokens": 16}).status_code == 201
            house.chain.claim(1, worker=SIGNING)
            house.chain.settle(1, house.content.write(ANSWER), (5, 4), worker=SIGNING)
            house.chain.claim(2, worker=SIGNING)
            house.chain.cancel(3)
            level(found)
            yield found


@pytest.fixture(scope="session")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """For tests that change nothing."""
    with standing(tmp_path_factory.mktemp("analyst")) as found:
        yield found
