"""Attacks on the SQL door: each is answered with a plain refusal, and whoever asks next is served as if nothing was."""

import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.sql.vocabulary import FUNCTIONS
from indexer.explorer.tables import DICTIONARY
from tests.api.chain import until
from tests.api.sql.attacks import DEEP, EXHAUSTING, REFUSED
from tests.api.sql.conftest import Asked, standing

pytestmark = pytest.mark.thorough

TELLTALE = re.compile(r"/tmp|/etc|/home|/root|\.duckdb|root:|site-packages|0x[0-9a-f]{8,}|Traceback", re.IGNORECASE)


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with standing(tmp_path_factory.mktemp("victim")) as found:
        yield found


def alive(victim: Asked, within_s: float = 3.0) -> None:
    began = time.monotonic()
    until(lambda: victim.sql("SELECT count(*) FROM jobs").status_code == 200)
    assert time.monotonic() - began < within_s


@pytest.mark.parametrize("attack", REFUSED)
def test_what_is_not_a_question_about_the_tables_is_refused(victim: Asked, attack: str) -> None:
    answer = victim.sql(REFUSED[attack])
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert problem["detail"]
    assert problem["remedy"]
    told = problem["detail"].replace(REFUSED[attack], "")
    assert not TELLTALE.search(told) or attack in ("a file as a table", "a file as a quoted table", "summarize a file")


def test_nothing_was_changed_by_all_that(victim: Asked) -> None:
    assert victim.rows("SELECT count(*) FROM jobs") == [[5]]
    assert victim.rows("SELECT lower('A')") == [["a"]]


@pytest.mark.slow
@pytest.mark.parametrize("attack", EXHAUSTING)
def test_what_takes_too_much_is_ended_and_hurts_nobody(victim: Asked, attack: str) -> None:
    began = time.monotonic()
    answer = victim.sql(EXHAUSTING[attack])
    assert answer.status_code in (400, 503), answer.text
    assert time.monotonic() - began < victim.settings.seconds_max + 3
    alive(victim)


@pytest.mark.parametrize("attack", DEEP)
def test_what_is_nested_deeply_is_answered_or_refused(victim: Asked, attack: str) -> None:
    assert victim.sql(DEEP[attack]).status_code in (200, 400, 503)
    alive(victim)


def test_a_text_that_is_too_long_is_refused(victim: Asked) -> None:
    answer = victim.sql("SELECT " + "1+" * victim.settings.text_bytes_max + "1")
    assert answer.status_code == 400
    assert str(victim.settings.text_bytes_max) in answer.json()["detail"]
    huge = victim.sql("SELECT " + "(" * 500_000 + ")" * 500_000)
    assert huge.status_code in (400, 413)


SCRAPS = """SELECT FROM WHERE GROUP BY ORDER LIMIT WITH RECURSIVE AS UNION ALL JOIN ON VALUES DESCRIBE SUMMARIZE TABLE
COPY ATTACH SET PRAGMA CALL INSERT INTO PIVOT ( ) , ; * + - / = < > ' " $$ -- /* */ :: -> [ ] { } ? $1 # @ ! ~ \\ NULL 1
1e999 0x 'x' 'x.csv' "y" x \0 ü 💡 \ud7ff CASE WHEN THEN END OVER PARTITION EXISTS IN NOT LIKE lambda x: BETWEEN AND
DISTINCT QUALIFY USING SAMPLE ASOF POSITIONAL LATERAL COLUMNS EXCLUDE REPLACE INTERVAL TIMESTAMP DATE"""
WORDS = st.sampled_from([*SCRAPS.split(), *(entry.name for entry in DICTIONARY), *sorted(FUNCTIONS)])
VALUES = ["1", "-1", "NULL", "'x'", "9223372036854775807", "[1]", "'{}'", "now()", "1e308", "{'a': 1}"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.lists(WORDS, min_size=1, max_size=25).map(" ".join), st.text(min_size=1, max_size=80)))
def test_whatever_is_asked_the_answer_is_rows_or_a_reason(victim: Asked, text: str) -> None:
    answer = victim.sql(text)
    assert answer.status_code in (200, 400), answer.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(FUNCTIONS)), arguments=st.lists(st.sampled_from(VALUES), max_size=4))
def test_no_function_that_may_be_called_breaks_the_door(victim: Asked, name: str, arguments: list[str]) -> None:
    answer = victim.sql(f'SELECT "{name}"({", ".join(arguments)})')
    assert answer.status_code in (200, 400), answer.text
    table = victim.sql(f'FROM "{name}"({", ".join(arguments)})')
    assert table.status_code in (200, 400), table.text
