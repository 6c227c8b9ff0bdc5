"""SQL over HTTP: answers in three formats, with the head they were taken at, cut where they are too long."""

import csv
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from indexer.explorer.tables import DICTIONARY
from tests.api.chain import until
from tests.api.conftest import opened
from tests.api.sql.conftest import SETTINGS, Asked, asked, level

pytestmark = pytest.mark.thorough


def test_an_answer_names_its_columns_rows_and_head(analyst: Asked) -> None:
    answer = analyst.sql("SELECT job_id, state, escrow FROM jobs ORDER BY job_id LIMIT 2").json()
    assert answer["columns"] == [
        {"name": "job_id", "type": "BIGINT"},
        {"name": "state", "type": "VARCHAR"},
        {"name": "escrow", "type": "HUGEINT"},
    ]
    assert [row[:2] for row in answer["rows"]] == [[1, "settled"], [2, "claimed"]]
    assert all(isinstance(row[2], str) and row[2].isdigit() for row in answer["rows"])
    head = analyst.house.explorer.head()
    assert (answer["head"]["number"], answer["head"]["hash"]) == (head.number, head.hash)
    assert (answer["row_count"], answer["truncated"]) == (2, False)


@pytest.mark.parametrize("name", [entry.name for entry in DICTIONARY])
def test_every_table_of_the_dictionary_can_be_asked_in_every_format(analyst: Asked, name: str) -> None:
    for form in ("json", "csv", "arrow"):
        assert analyst.sql(f"FROM {name}", format=form).status_code == 200


def test_what_the_replica_shows_is_what_the_explorer_shows(analyst: Asked) -> None:
    for table in ("jobs", "receipts", "events", "transactions", "nodes", "models", "accounts", "blocks"):
        with analyst.house.explorer.database.reading() as cursor:
            ours = cursor.execute(f"SELECT count(*), sum(hash(t)::HUGEINT)::VARCHAR FROM {table} t").fetchall()[0]
        assert tuple(analyst.rows(f"SELECT count(*), sum(hash(t)::HUGEINT)::VARCHAR FROM {table} t")[0]) == ours


def test_csv_and_arrow_hold_the_same_rows(analyst: Asked) -> None:
    query = "SELECT job_id, escrow, requested_at, offers FROM jobs, nodes ORDER BY job_id"
    wanted = analyst.rows(query)
    table = list(csv.reader(io.StringIO(analyst.sql(query, format="csv").text)))
    assert table[0] == ["job_id", "escrow", "requested_at", "offers"]
    assert [[int(row[0]), row[1], row[2]] for row in table[1:]] == [row[:3] for row in wanted]
    arrow = pa.ipc.open_stream(analyst.sql(query, format="arrow").content).read_all()
    assert arrow.column("job_id").to_pylist() == [row[0] for row in wanted]
    assert [str(value) for value in arrow.column("escrow").to_pylist()] == [row[1] for row in wanted]


def test_accept_chooses_the_format_and_the_url_can_hold_the_query(analyst: Asked) -> None:
    asked = analyst.http.get(
        "/explorer/v1/sql", params={"q": "SELECT 1 AS one"}, headers={"Accept": "text/csv, */*;q=0.1"}
    )
    assert asked.text == "one\r\n1\r\n"
    assert asked.headers["content-type"].startswith("text/csv")
    assert analyst.http.get("/explorer/v1/sql", params={"q": "SELECT 1 AS one"}).json()["rows"] == [[1]]


def test_both_methods_are_named_to_who_asks_for_them(analyst: Asked) -> None:
    assert analyst.http.options("/explorer/v1/sql").headers["allow"] == "GET, OPTIONS, POST"


def test_too_many_rows_are_cut_and_the_answer_says_so_in_every_format(analyst: Asked) -> None:
    cut = analyst.sql("FROM range(5000)")
    assert (cut.json()["row_count"], cut.json()["truncated"], cut.json()["row_limit"]) == (1000, True, 1000)
    assert cut.headers["tally-truncated"] == "true"
    few = analyst.sql("FROM range(5000)", rows=7, format="arrow")
    assert pa.ipc.open_stream(few.content).read_all().num_rows == 7
    assert (few.headers["tally-rows"], few.headers["tally-truncated"]) == ("7", "true")
    assert len(analyst.sql("FROM range(1000)", format="csv").text.splitlines()) == 1001


def test_a_million_rows_cost_no_more_than_those_shown(analyst: Asked) -> None:
    began = time.monotonic()
    assert analyst.sql("FROM range(1000000000000)").json()["truncated"]
    assert time.monotonic() - began < 1


def test_wide_and_strange_values_are_exact(analyst: Asked) -> None:
    query = """SELECT 170141183460469231731687303715884105727::HUGEINT, [1::HUGEINT], {'a': 2::HUGEINT, 'b': 1},
        'x'::BLOB, 'NaN'::DOUBLE, 1.50::DECIMAL(5,2), make_timestamptz(999999999999::BIGINT * 1000000), MAP {'k': 1},
        DATE '2026-01-02', INTERVAL 3 DAY, NULL, 'ü💡'"""
    row = analyst.rows(query)[0]
    assert row[:6] == ["170141183460469231731687303715884105727", ["1"], {"a": "2", "b": 1}, "0x78", None, "1.50"]
    assert row[7:] == [{"k": 1}, "2026-01-02", "P3D", None, "ü💡"]


def test_the_same_text_is_answered_from_memory_until_the_tables_move(tmp_path_factory: pytest.TempPathFactory) -> None:
    with opened(tmp_path_factory.mktemp("moving")) as house:
        house.chain.begin()
        with asked(house, SETTINGS) as found:
            level(found)
            query = "SELECT count(*) AS jobs FROM jobs"
            until(lambda: found.sql(query).headers["server-timing"] == found.sql(query).headers["server-timing"])
            assert found.sql("SELECT random()").json()["rows"] != found.sql("SELECT random()").json()["rows"]
            found.http.post("/v1/prompts", json={"prompt": "Why?", "max_tokens": 16}).raise_for_status()
            began = time.monotonic()
            until(lambda: found.rows(query) == [[1]])
            assert time.monotonic() - began < 2


def test_many_at_once_take_turns_and_who_waits_too_long_is_told(analyst: Asked) -> None:
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda n: analyst.sql(f"SELECT {n} + count(*) FROM range(1000)"), range(60)))
        assert {answer.status_code for answer in answers} == {200}
        slow = "SELECT count(*) FROM range(10000000000) WHERE md5(range::VARCHAR) = 'x'"
        statuses = [answer.status_code for answer in threads.map(lambda n: analyst.sql(f"{slow} -- {n}"), range(8))]
    assert set(statuses) == {400, 429}


def test_a_client_that_hangs_up_stops_its_query(analyst: Asked) -> None:
    endless = "SELECT count(*) FROM range(10000000000) a, range(1000000) b WHERE a.range < b.range"

    def ask() -> None:
        with pytest.raises(httpx.TimeoutException):
            analyst.http.post("/explorer/v1/sql", json={"query": endless}, timeout=0.3)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    began = time.monotonic()
    until(lambda: analyst.sql("SELECT 1").status_code == 200)
    assert time.monotonic() - began < 1.5


def test_rows_of_unfinal_blocks_are_shown_at_once_however_long_all_were_final(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The views for when all is final are made in between."""
    with opened(tmp_path_factory.mktemp("settling")) as house:
        house.chain.begin()
        with asked(house, SETTINGS) as found:
            level(found)
            time.sleep(1.5)  # long enough for the others to take their place
            house.chain.unfinal = True
            found.http.post("/v1/prompts", json={"prompt": "Why?", "max_tokens": 16}).raise_for_status()
            level(found)
            assert found.rows("SELECT job_id, state, is_final FROM jobs") == [[1, "open", False]]
            house.chain.unfinal = False
            house.chain.cancel(1)
            level(found)
            assert found.rows("SELECT job_id, state, is_final FROM jobs") == [[1, "cancelled", True]]
            assert found.rows("SELECT count(*) FROM receipts") == [[0]]
