"""One question put to the replica: its text comes in, a reply goes out, whatever the text was."""

import re
import time
from contextlib import suppress

import duckdb
from msgspec import Struct

from api.sql.formats import Limits, TooBig, render
from api.sql.settings import SqlSettings
from api.sql.statements import is_changing, reason_to_refuse
from api.sql.wire import Outcome, Question, Reply, Standing

MESSAGE_CHARS_MAX = 1_000


class Known(Struct, frozen=True):
    """What the rule of statements needs to know of the database."""

    tables: frozenset[str]
    taken: frozenset[str]


class Desk:
    """A cursor of its own for one thread at a time, with the reader of statements planned once."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, known: Known, settings: SqlSettings) -> None:
        self._cursor, self._known, self._settings = cursor, known, settings
        cursor.execute("PREPARE reading AS SELECT json_serialize_sql($1::VARCHAR)::VARCHAR")

    def answer(self, question: Question, standing: Standing) -> Reply:
        """The reply, or why there is none. Whoever waits for it may `interrupt`."""
        began = time.perf_counter()
        try:
            read = self._read(question.text)
            if reason := reason_to_refuse(read, self._known.tables, self._known.taken):
                return Reply(Outcome.REFUSED, reason)
            return self._run(question, standing, is_changing(read), began)
        except TooBig:
            most = self._settings.answer_bytes_max
            return Reply(Outcome.TOO_BIG, f"the answer has more than the {most} bytes that one may have")
        except duckdb.InterruptException:
            return Reply(Outcome.TOO_SLOW)
        except (duckdb.OutOfMemoryException, MemoryError):
            most = self._settings.memory_limit_mib
            return Reply(Outcome.TOO_BIG, f"the query needs more than the {most} MiB of memory that all of them share")
        except (duckdb.Error, RuntimeError, ValueError, OverflowError) as fault:
            return Reply(Outcome.FAILED, safe(str(fault)))

    def interrupt(self) -> None:
        self._cursor.interrupt()

    def _read(self, text: str) -> str:
        literal = text.replace("'", "''")
        said: str = self._cursor.execute(f"EXECUTE reading('{literal}')").fetchall()[0][0]
        return said

    def _run(self, question: Question, standing: Standing, changing: bool, began: float) -> Reply:
        limits = Limits(min(question.rows_max, self._settings.rows_max), self._settings.answer_bytes_max)
        self._cursor.execute("BEGIN TRANSACTION READ ONLY")
        try:
            done = render(self._cursor.execute(question.text), question.format, limits, standing)
        finally:
            with suppress(duckdb.Error):
                self._cursor.rollback()
        ms = round((time.perf_counter() - began) * 1000, 3)
        return Reply(Outcome.ANSWERED, "", done.body, done.rows, done.is_cut, changing, ms, standing)


def safe(message: str) -> str:
    """DuckDB's own words, without anything that tells where files lie or what the replica calls its tables inside."""
    text = re.sub(r"(?:[A-Za-z]:)?(?:/[^\s'\"/]+){2,}", "...", message)
    text = re.sub(r"\b(?:explorer|memory)\.(?:main|final|tip|history)\.", "", text)
    return text[:MESSAGE_CHARS_MAX].strip()
