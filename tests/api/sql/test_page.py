"""docs/sql.md: what the page shows, run as it stands but for addresses and the token."""

import contextlib
import io
import re
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

from api.sql import tokens
from indexer.explorer.extensions import extension, load
from tests.api.chain import until
from tests.api.sql.conftest import Asked

PAGE = (Path(__file__).parents[3] / "docs/sql.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def token(analyst: Asked) -> str:
    made = tokens.create(analyst.settings.tokens, "reader")
    uri = f"quack:127.0.0.1:{analyst.settings.quack_port}"
    with duckdb.connect() as connection:
        load(connection, "httpfs", "quack")

        def admitted() -> bool:
            with contextlib.suppress(duckdb.Error):
                connection.execute(f"ATTACH '{uri}' AS tally (TOKEN '{made}')")
                return True
            return False

        until(admitted)
    return made


def here(text: str, analyst: Asked, token: str) -> str:
    url = str(analyst.http.base_url).rstrip("/")
    port = analyst.settings.quack_port
    return text.replace("http://127.0.0.1:8001", url).replace(":9494", f":{port}").replace("tally_sql_...", token)


@pytest.mark.parametrize("snippet", blocks("python"), ids=["http", "quack"])
def test_python(snippet: str, analyst: Asked, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # where extensions are put
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(here(snippet, analyst, token), {})
    assert said.getvalue().startswith("[")


def test_sql(analyst: Asked, token: str) -> None:
    with duckdb.connect() as connection:
        load(connection, "httpfs", "quack")
        found = [
            connection.execute(here(statement, analyst, token)).fetchall()
            for statement in blocks("sql")[0].split(";")
            if statement.strip() and not statement.strip().startswith("LOAD")
        ]
    assert ("settled", 1) in found[1]
    assert found[2]


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not at hand")
def test_shell(analyst: Asked, token: str) -> None:
    for line in blocks("sh")[0].strip().splitlines():
        done = subprocess.run(["bash", "-c", here(line, analyst, token)], capture_output=True, text=True, check=True)
        assert "settled" in done.stdout or done.stdout.startswith("place,address")


@pytest.mark.skipif(not shutil.which("duckdb"), reason="the command line of DuckDB is not at hand")
def test_the_command_line_of_duckdb(analyst: Asked, token: str) -> None:
    script = here(blocks("sql")[0], analyst, token)
    for name in ("httpfs", "quack"):
        script = script.replace(f"LOAD {name};", f"LOAD '{extension(name)}';")
    done = subprocess.run(["duckdb", "-csv", "-c", script], capture_output=True, text=True, check=True)
    assert "settled,1" in done.stdout
