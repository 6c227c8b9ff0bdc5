"""Pages as HTML: every one answers, shows what the index holds and nothing that strangers would have it do."""

import re
import time
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from api.app import create_app
from api.pages.assets import FOLDERS, Assets
from api.pages.sql import EXAMPLES, Example
from receipts.deployment import parse
from receipts.reputation import WORTHS
from tests.api.chain import MODEL
from tests.api.conftest import House, opened, serving
from tests.api.pages.conftest import JOBS, Served
from tests.api.pages.town import HOSTILE, MARKUP, PEOPLE, WORKERS

NODE = "0x" + WORKERS[0].address.hex()
PERSON = "0x" + PEOPLE[0].hex()
PAGES = (
    "/", "/jobs", "/jobs/8", f"/jobs/{JOBS}", "/jobs?state=settled", "/receipts", "/receipts?state=verified", "/nodes",
    f"/nodes/{NODE}", "/models", "/models/smollm2-135m-instruct", "/blocks", "/blocks/1", "/transactions",
    f"/address/{NODE}", f"/address/{PERSON}?tab=ordered", f"/address/{PERSON}?tab=sent", "/reorgs", "/status",
    "/search", "/search?q=1", "/ask", "/verify",
    f"/nodes/{NODE}?window=all", f"/nodes/{NODE}/outcomes?window=all&worth=proven",
    "/leaderboard", "/leaderboard?window=30d", "/dictionary", "/charts", "/charts?per=day", "/sql",
    "/sql?q=SELECT+hour,+settled+FROM+hourly_stats+ORDER+BY+hour", "/sql?q=SELECT+*+FROM+jobs+LIMIT+5",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_a_page_answers_under_a_policy_that_allows_no_inline_script(path: str, http_town: httpx.Client) -> None:
    answer = http_town.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?://", answer.text.split("<main")[0])


def test_pages_of_an_empty_index_say_so_or_that_there_is_no_such_thing(tmp_path: Path) -> None:
    with opened(tmp_path) as house, serving(create_app(house.parts())) as url:
        for path in PAGES:
            answer = httpx.get(url + path, headers={"Accept": "text/html"})
            is_item = re.match(r"/(jobs|nodes|models|blocks)/", path)
            is_off = path.startswith("/sql?")
            assert answer.status_code == (404 if is_item else 503 if is_off else 200), answer.text
            assert "<h1>" in answer.text


def test_what_strangers_wrote_is_shown_as_text_wherever_it_stands(http_town: httpx.Client) -> None:
    for job_id in range(8, JOBS - 4, 8):
        text = http_town.get(f"/jobs/{job_id}").text
        assert "<script>document" not in text
        assert "<img" not in text
        assert 'href="javascript' not in text
        assert "<svg onload" not in text
    assert "&lt;script&gt;document.title" in http_town.get("/jobs/40").text
    assert "7 * 7" in http_town.get("/jobs/16").text, "a template's syntax stays what it is"
    assert "49" not in re.findall(r'class="said[^>]*>([^<]*)', http_town.get("/jobs/16").text)[0]
    for path in ("/models", "/models/%3Cb%3Ebold%3C%2Fb%3E", f"/nodes/0x{WORKERS[3].address.hex()}", "/blocks/6"):
        shown = http_town.get(path)
        assert shown.status_code == 200
        assert "<b>bold" not in shown.text
        assert MARKUP not in shown.text


def test_characters_that_hide_or_reorder_text_are_shown_by_their_number(http_town: httpx.Client) -> None:
    text = http_town.get("/jobs/24").text
    assert HOSTILE[3] not in text
    for code in ("202E", "001B", "0000", "2066", "2069"):
        assert f"⟨{code}⟩" in text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b]", text)


def test_a_walk_through_the_pages_of_a_list_meets_every_job_once(http_town: httpx.Client) -> None:
    path, met = "/jobs", []
    while path:
        text = http_town.get(path).text
        met += [int(number) for number in re.findall(r'class="id" href="/jobs/(\d+)"', text)]
        following = re.search(r'href="([^"]+)" rel="next"', text)
        path = following[1].replace("&amp;", "&") if following else ""
    assert met == list(range(JOBS, 0, -1))


def test_a_form_that_was_sent_empty_narrows_nothing(http_town: httpx.Client) -> None:
    every = http_town.get("/jobs").text
    assert http_town.get("/jobs?controller=&worker=&model_id=").text.count("<tr") == every.count("<tr")
    mine = http_town.get(f"/jobs?controller={PERSON}&model_id=llama-3.3-70b").text
    assert 0 < mine.count("<tr") < every.count("<tr")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/nowhere", 404, "Not Found"),
        ("/jobs/999999", 404, "there is no job 999999"),
        ("/jobs?cursor=nonsense", 400, "cursor"),
        ("/jobs?controller=0x12", 400, "controller"),
        ("/jobs?state=lost", 400, "state"),
        ("/jobs?stat=open", 400, "state"),
        ("/jobs?sort=-amout", 400, "amount"),
        ("/nodes/0x12", 400, "address"),
        ("/charts?per=week", 400, "per"),
        ("/tx/0x" + "00" * 32, 404, "no transaction"),
        ("/static/absent.js", 404, "absent.js"),
    ],
)
def test_what_cannot_be_shown_is_answered_with_what_to_do(
    path: str, status: int, said: str, http_town: httpx.Client
) -> None:
    answer = http_town.get(path)
    assert answer.status_code == status
    assert said in answer.text
    assert "Traceback" not in answer.text


def test_programs_get_problems_and_readers_get_pages_of_what_is_not_there(town: Served) -> None:
    asked = {
        "/nowhere": "text/html",
        "/explorer/v1/jobs/999999": "application/problem+json",
        "/v1/nowhere": "application/problem+json",
    }
    for path, kind in asked.items():
        answer = httpx.get(town.url + path, headers={"Accept": "text/html,*/*"})
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith(kind), path
    assert httpx.get(f"{town.url}/nowhere").headers["content-type"] == "application/problem+json"


def test_a_receipt_is_found_with_its_job(http_town: httpx.Client) -> None:
    answer = http_town.get("/receipts/8")
    assert answer.headers["location"] == "/jobs/8#receipt"


def test_files_are_kept_for_ever_under_a_name_that_changes_with_them(http_town: httpx.Client) -> None:
    url = Assets(FOLDERS).url("site.css")
    answer = http_town.get(url)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    again = http_town.get("/static/site.css", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert http_town.get("/static/site.css?v=old").headers["cache-control"] == "no-cache"
    assert http_town.get("/static/..%2Fsite.py").status_code == 404


def test_an_amount_has_its_exact_figure_at_hand(town: Served, http_town: httpx.Client) -> None:
    job = town.house.explorer.queries.job(8)
    assert job is not None
    assert f'value="{job.escrow}" title="{job.escrow:,} wei"' in http_town.get("/jobs/8").text


def test_a_page_shows_the_newest_state_of_a_job(house: House) -> None:
    with serving(create_app(house.parts())) as url, httpx.Client(base_url=url, timeout=10) as http:
        job_id = int(http.post("/v1/prompts", json={"prompt": "Why?", "max_tokens": 16}).json()["job_id"])
        assert "Waiting for a worker" in http.get(f"/jobs/{job_id}").text
        house.chain.claim(job_id)
        assert "A worker is at it" in http.get(f"/jobs/{job_id}").text
        house.chain.settle(job_id, house.content.write(b"Because."), (5, 4))
        text = http.get(f"/jobs/{job_id}").text
        assert "Because." in text
        assert "Receipt verified, paid" in text


def test_a_page_is_made_in_a_moment(http_town: httpx.Client) -> None:
    http_town.get("/")
    began = time.perf_counter()
    for _ in range(5):
        http_town.get("/")
    assert (time.perf_counter() - began) / 5 < 0.25


def test_a_text_that_names_one_thing_leads_there_and_others_to_what_they_may_name(
    town: Served, http_town: httpx.Client
) -> None:
    job = town.house.explorer.queries.job(9)
    assert job is not None
    assert (
        http_town.get("/search", params={"q": f" {job.requested_tx} "}).headers["location"] == f"/tx/{job.requested_tx}"
    )
    both = http_town.get("/search", params={"q": "9"}).text
    assert 'href="/jobs/9"' in both
    assert 'href="/blocks/9"' in both
    assert "Nothing is named so" in http_town.get("/search", params={"q": MARKUP}).text
    assert MARKUP not in http_town.get("/search", params={"q": MARKUP}).text
    assert http_town.get("/search?q=").status_code == 200


def test_the_pins_of_the_deployment_are_served_as_a_verifier_reads_them(town: Served) -> None:
    assert parse(httpx.get(f"{town.url}/deployment.json").content) == town.house.deployment


def test_a_question_is_asked_by_a_form_and_sent_twice_is_asked_once(house: House) -> None:
    with serving(create_app(house.parts())) as url, httpx.Client(base_url=url, timeout=10) as http:
        key = re.findall(r'name="key" value="(\w+)"', http.get("/ask").text)[0]
        form = {"prompt": MARKUP, "model": MODEL, "max_tokens": "16", "key": key}
        first, again = (http.post("/ask", data=form) for _ in range(2))
        assert (first.status_code, first.headers["location"]) == (303, "/jobs/1")
        assert again.headers["location"] == "/jobs/1"
        assert "&lt;script&gt;document.title" in http.get("/jobs/1").text


@pytest.mark.parametrize(
    ("form", "headers", "status", "said"),
    [
        ({"prompt": ""}, {}, 400, "empty"),
        ({"prompt": "Why?", "model": "nobody/knows"}, {}, 400, "nobody/knows"),
        ({"prompt": "Why?", "max_tokens": "many"}, {}, 400, "many"),
        ({"prompt": "Why?", "max_tokens": "9999999999999"}, {}, 400, "9999999999999"),
        ({"prompt": "Why?"}, {"Origin": "https://elsewhere.example"}, 403, "elsewhere.example"),
        ({"prompt": "Why?"}, {"Sec-Fetch-Site": "cross-site"}, 403, "another site"),
    ],
)
def test_a_question_that_cannot_be_asked_is_answered_with_the_form_and_what_is_wrong(
    form: dict[str, str], headers: dict[str, str], status: int, said: str, url: str
) -> None:
    answer = httpx.post(f"{url}/ask", data=form, headers=headers)
    assert answer.status_code == status
    assert said in answer.text
    assert "<textarea" in answer.text


def test_a_deployment_without_a_wallet_says_that_it_only_shows(house: House) -> None:
    with serving(create_app(replace(house.parts(), takes_orders=False))) as url:
        text = httpx.get(f"{url}/ask").text
    assert "<textarea" not in text
    assert "only shows" in text


def test_each_figure_of_a_reputation_leads_to_the_outcomes_that_it_comes_from(http_town: httpx.Client) -> None:
    text = http_town.get(f"/nodes/{NODE}?window=all").text
    links = re.findall(r'<a href="(/nodes/[^"]*/outcomes[^"]*)">(\w+)</a><span>([\d,]+)</span>', text)
    assert [worth for _, worth, _ in links] == list(WORTHS)
    for path, _, count in links:
        rows = http_town.get(path.replace("&amp;", "&")).text.count("<tr") - 1
        assert max(rows, 0) == int(count.replace(",", ""))


def test_the_dictionary_tells_of_every_table_that_readers_see(town: Served, http_town: httpx.Client) -> None:
    text = http_town.get("/dictionary").text
    with town.house.explorer.database.reading() as cursor:
        found = cursor.execute(
            "SELECT view_name, column_name FROM duckdb_views() v JOIN duckdb_columns() c ON c.table_name = v.view_name "
            "AND c.schema_name = 'main' WHERE v.schema_name = 'main' AND NOT v.internal"
        ).fetchall()
    assert found
    for table, column in found:
        section = text.split(f'id="{table}"')[1].split("</section>")[0]
        assert f"<code>{column}</code>" in section, f"{table}.{column}"


def test_a_list_is_sorted_on_wish_and_says_how_long_it_is(town: Served, http_town: httpx.Client) -> None:
    text = http_town.get("/jobs?sort=-amount&state=settled").text
    amounts = [int(value) for value in re.findall(r'<td class="n"><data class="amount" value="(\d+)"', text)]
    assert amounts == sorted(amounts, reverse=True)
    settled = town.house.explorer.queries.stats().settled
    assert f"{settled} jobs" in text
    assert "sort=-amount" in re.findall(r'href="([^"]+)" rel="next"', text)[0]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_an_example_of_sql_has_an_answer_that_its_address_keeps(example: Example, http_town: httpx.Client) -> None:
    answer = http_town.get("/sql", params={"q": example.query})
    assert answer.status_code == 200, re.findall(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    assert "<tbody>" in answer.text
    csv = re.findall(r'href="([^"]+)" download="result.csv"', answer.text)[0].replace("&amp;", "&")
    assert http_town.get(csv).headers["content-type"].startswith("text/csv")


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("DROP TABLE jobs", 400, "SELECT"),
        ("SELECT * FROM job", 400, "job"),
        ("SELECT * FROM read_csv('/etc/passwd')", 400, "read_csv"),
        ("SELECT '" + "x" * 25_000 + "'", 400, "bytes"),
    ],
    ids=["not a SELECT", "no such table", "a file", "too long"],
)
def test_a_query_that_may_not_be_asked_stays_on_the_page_with_the_reason(
    query: str, status: int, said: str, http_town: httpx.Client
) -> None:
    answer = http_town.get("/sql", params={"q": query})
    assert answer.status_code == status
    assert said in answer.text.split('role="alert"')[1].split("</p>")[0]
    assert "<textarea" in answer.text


def test_what_a_query_finds_is_text_and_names_lead_where_they_are_shown(http_town: httpx.Client) -> None:
    text = http_town.get(
        "/sql", params={"q": "SELECT job_id, worker, closed_tx, '<b>x</b>' AS t FROM jobs LIMIT 3"}
    ).text
    assert "<b>x</b>" not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert re.search(r'href="/jobs/\d+"', text)
    assert re.search(r'href="/address/0x[0-9a-f]{40}"', text)


def test_markup_and_hidden_characters_in_a_query_are_text_in_its_editor_head_rows_and_chart(
    http_town: httpx.Client,
) -> None:
    hostile = "<img src=x onerror=alert(1)></textarea>\u202e"
    name, literal = hostile.replace('"', '""'), hostile.replace("'", "''")
    query = f"SELECT '{literal}' AS \"{name}\", 1 AS n UNION ALL SELECT 'b', 2 ORDER BY n"
    answer = http_town.get("/sql", params={"q": query})
    assert answer.status_code == 200
    assert "<rect" in answer.text
    assert "<img" not in answer.text
    assert answer.text.count("</textarea>") == 1
    assert "⟨202E⟩" in answer.text.split('class="chart"')[1]
