"""Exports: every list as a file in three forms, with its checksum and head, resumable, rows as the list has them."""

import base64
import csv
import hashlib
import io
from pathlib import Path

import duckdb
import msgspec
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from indexer.explorer.lists import LISTINGS
from tests.api.conftest import Standing

pytestmark = pytest.mark.thorough

EXPORT = "/explorer/v1/export"
FORMS = ("csv", "ndjson", "parquet")


def read(name: str, content: bytes) -> list[dict[str, object]]:
    if name.endswith(".parquet"):
        found: list[dict[str, object]] = pq.read_table(io.BytesIO(content)).to_pylist()
        return found
    if name.endswith(".csv"):
        return list(csv.DictReader(io.StringIO(content.decode())))
    return [msgspec.json.decode(line) for line in content.splitlines()]


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("form", FORMS)
def test_every_list_can_be_had_in_every_form(standing: Standing, listing: str, form: str) -> None:
    answer = standing.http.get(f"{EXPORT}/{listing}.{form}")
    assert answer.status_code == 200, answer.text
    with standing.house.explorer.database.reading() as cursor:
        rows = cursor.execute(f"SELECT count(*) FROM {LISTINGS[listing].table.name}").fetchall()[0][0]
    assert len(read(f"{listing}.{form}", answer.content)) == rows


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_those_of_the_list_and_nothing_is_rounded(standing: Standing, form: str) -> None:
    shown = standing.http.get("/explorer/v1/jobs", params={"sort": "oldest"}).json()["data"]
    rows = read(f"jobs.{form}", standing.http.get(f"{EXPORT}/jobs.{form}", params={"sort": "oldest"}).content)
    for name in ("job_id", "state", "controller", "escrow", "requested_tx"):
        assert [str(row[name]) for row in rows] == [str(row[name]) for row in shown]


def test_times_are_said_alike_in_text_and_typed_in_parquet(standing: Standing) -> None:
    line = read("jobs.ndjson", standing.http.get(f"{EXPORT}/jobs.ndjson").content)[0]
    row = read("jobs.csv", standing.http.get(f"{EXPORT}/jobs.csv").content)[0]
    assert line["requested_at"] == row["requested_at"]
    assert str(line["requested_at"]).endswith(".000Z")
    schema = pq.read_schema(io.BytesIO(standing.http.get(f"{EXPORT}/jobs.parquet").content))
    assert (str(schema.field("escrow").type), str(schema.field("requested_at").type)) == (
        "decimal128(38, 0)",
        "timestamp[us, tz=UTC]",
    )


def test_filters_are_those_of_the_list(standing: Standing) -> None:
    rows = read("jobs.csv", standing.http.get(f"{EXPORT}/jobs.csv", params={"state": "settled,claimed"}).content)
    assert sorted(str(row["state"]) for row in rows) == ["claimed", "settled"]
    final = {"is_final": "false"}
    assert read("jobs.csv", standing.http.get(f"{EXPORT}/jobs.csv", params=final).content) == []
    wrong = standing.http.get(f"{EXPORT}/jobs.csv", params={"sate": "settled"})
    assert (wrong.status_code, "Did you mean 'state'?" in wrong.json()["remedy"]) == (400, True)


def test_the_checksum_and_the_head_stand_in_the_headers_and_the_head_in_the_parquet(standing: Standing) -> None:
    answer = standing.http.get(f"{EXPORT}/receipts.parquet")
    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    head = standing.house.explorer.head()
    assert answer.headers["tally-head"] == f"{head.number} {head.hash}"
    metadata = pq.read_metadata(io.BytesIO(answer.content)).metadata
    assert metadata[b"tally_head"].decode() == answer.headers["tally-head"]
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_download_that_broke_off_goes_on(standing: Standing) -> None:
    whole = standing.http.get(f"{EXPORT}/jobs.csv")
    etag = whole.headers["etag"]
    rest = standing.http.get(f"{EXPORT}/jobs.csv", headers={"Range": "bytes=100-", "If-Range": etag})
    assert (rest.status_code, whole.content[:100] + rest.content) == (206, whole.content)
    assert rest.headers["content-range"] == f"bytes 100-{len(whole.content) - 1}/{len(whole.content)}"
    last = standing.http.get(f"{EXPORT}/jobs.csv", headers={"Range": "bytes=-10"})
    assert last.content == whole.content[-10:]
    other = standing.http.get(f"{EXPORT}/jobs.csv", headers={"Range": "bytes=100-", "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, whole.content)
    assert standing.http.get(f"{EXPORT}/jobs.csv", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("wrong", ["bytes=9999999-", "bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes=-"])
def test_a_range_that_is_not_there_is_refused(standing: Standing, wrong: str) -> None:
    answer = standing.http.get(f"{EXPORT}/jobs.csv", headers={"Range": wrong})
    assert answer.status_code == 400
    assert "range" in answer.json()["type"]


@pytest.mark.parametrize(
    "name", ["job.csv", "jobs.xls", "jobs", "..%2fjobs.csv", "jobs/today.parquet", "accounts/2026-01-01.parquet"]
)
def test_what_can_not_be_exported_is_said(standing: Standing, name: str) -> None:
    answer = standing.http.get(f"{EXPORT}/{name}")
    assert answer.status_code == 404
    assert answer.json()["remedy"]


@pytest.mark.parametrize("listing", ["jobs", "events", "transactions", "blocks"])
def test_the_days_of_a_list_make_up_the_whole(standing: Standing, listing: str) -> None:
    day, rows = "2023-11-14", 0
    for name in (day, "2023-11-13", "2023-11-15"):
        answer = standing.http.get(f"{EXPORT}/{listing}/{name}.parquet")
        assert answer.status_code == 200, answer.text
        found = len(read("x.parquet", answer.content))
        rows += found
        assert (found > 0) is (name == day)
    assert rows == len(read("x.parquet", standing.http.get(f"{EXPORT}/{listing}.parquet").content))


def test_the_snapshot_is_the_whole_database_at_one_moment(standing: Standing, tmp_path: Path) -> None:
    answer = standing.http.get("/explorer/v1/snapshot.duckdb")
    assert answer.status_code == 200
    (tmp_path / "copy.duckdb").write_bytes(answer.content)
    with duckdb.connect(str(tmp_path / "copy.duckdb"), read_only=True) as copy:
        assert copy.execute("SELECT job_id, state FROM jobs ORDER BY 1").fetchall()[0] == (1, "settled")
        head = copy.execute("SELECT head_number, head_hash FROM final.progress").fetchall()[0]
        comment = copy.execute("SELECT comment FROM duckdb_views() WHERE view_name = 'jobs'").fetchall()[0][0]
    assert answer.headers["tally-head"] == f"{head[0]} {head[1]}"
    assert comment.startswith("Orders for inference")
