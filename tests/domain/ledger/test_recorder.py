"""The eventsourcing library's own contract for recorders, kept on both databases."""

from uuid import uuid4

import pytest
from eventsourcing.tests.persistence import ApplicationRecorderTestCase

from domain.ledger.database import Database
from domain.ledger.recorder import CoreRecorder


class RecorderContract(ApplicationRecorderTestCase[CoreRecorder]):
    url: str

    def create_recorder(self) -> CoreRecorder:
        database = Database(self.url, busy_timeout_s=30.0)
        self.addCleanup(database.close)
        return CoreRecorder(database)

    def new_originator_id(self) -> str:
        return str(uuid4())

    def test_subscription_yields_what_was_and_what_will_be_recorded(self) -> None:
        self.optional_test_insert_subscribe()


class TestOnSqlite(RecorderContract):
    @pytest.fixture(autouse=True)
    def database(self, sqlite_url: str) -> None:
        self.url = sqlite_url


@pytest.mark.slow
class TestOnPostgres(RecorderContract):
    @pytest.fixture(autouse=True)
    def database(self, postgres_url: str) -> None:
        self.url = postgres_url


del ApplicationRecorderTestCase, RecorderContract  # or pytest would run the bare contract too
