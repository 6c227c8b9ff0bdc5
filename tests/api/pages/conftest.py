"""A town with a past, served for the whole session, and a real browser to read it with."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from msgspec import Struct

from tests.api.conftest import House, opened
from tests.api.pages.town import Town
from tests.api.sql.conftest import SETTINGS, asked, level
from tests.chromium import axe_source, chromium

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 780}
JOBS = 120

OBSERVED = """
window.seen = { lcp: 0, cls: 0 };
new PerformanceObserver((list) => { for (const each of list.getEntries()) seen.lcp = each.startTime; })
  .observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => { for (const each of list.getEntries()) seen.cls += each.value; })
  .observe({ type: "layout-shift", buffered: true });
"""


class Served(Struct, frozen=True):
    """A house and the address at which it answers."""

    house: House
    url: str


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For tests that change nothing."""
    with opened(tmp_path_factory.mktemp("town")) as house:
        Town(house, int(time.time()), JOBS).settle_down()
        with asked(house, SETTINGS) as served:
            level(served)
            yield Served(house, str(served.http.base_url).rstrip("/"))


@pytest.fixture(scope="session")
def http_town(town: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=town.url, timeout=10, headers={"Accept": "text/html"}) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's Chromium; where there is none, tests that need it are skipped with that reason.

    Its driver's loop runs in this thread while it is open, where no test of another module could run its own.
    """
    with chromium() as browser:
        yield browser


class Reader:
    """One tab of a fresh browser profile, and what went wrong in it."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.context = browser.new_context(base_url=url, **({"viewport": DESK} | options))
        self.context.add_init_script(OBSERVED)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        self.page.on("console", self._hear)

    def _hear(self, said: Any) -> None:
        """The chain behind these pages holds no block to take evidence from."""
        if said.type == "error" and not said.location["url"].endswith("/evidence"):
            self.faults.append(said.text)

    def open(self, path: str) -> Any:
        self.page.goto(path)
        return self.page


@pytest.fixture
def reader(browser: Any, town: Served) -> Iterator[Reader]:
    reader = Reader(browser, town.url)
    yield reader
    reader.context.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker's source."""
    return axe_source()
