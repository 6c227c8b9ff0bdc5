"""Pages that are open while the chain goes on: news come by themselves, a reorganisation is followed, nothing jumps."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.app import create_app
from tests.api.chain import MODEL, until
from tests.api.conftest import House, serving
from tests.api.pages.conftest import Reader
from tests.api.pages.town import MARKUP

FULL = 12
"""So many jobs fill the front page's list."""


@pytest.fixture
def living(house: House, browser: Any) -> Iterator[Reader]:
    with serving(create_app(house.parts())) as url:
        reader = Reader(browser, url)
        yield reader
        reader.context.close()


def order(living: Reader, prompt: str = "Why?") -> int:
    url = living.page.evaluate("location.origin")
    answer = httpx.post(f"{url}/v1/prompts", json={"prompt": prompt, "max_tokens": 16, "model": MODEL}, timeout=10)
    return int(answer.json()["job_id"])


def watched(living: Reader, path: str) -> Any:
    """The page, once it hears of news."""
    page = living.open(path)
    until(lambda: page.evaluate("document.documentElement.dataset.link") == "up")
    return page


def test_new_blocks_and_jobs_appear_by_themselves_and_nothing_shifts(living: Reader, house: House) -> None:
    living.open("/")
    for _ in range(FULL):
        order(living)
    page = watched(living, "/")
    job_id = order(living)
    page.locator(f"#jobs a.id[href='/jobs/{job_id}']").wait_for()
    page.locator("#chain .number", has_text=str(house.chain.height)).wait_for()
    house.chain.claim(job_id)
    page.locator("#jobs .state.claimed").wait_for()
    assert page.evaluate("seen.cls") < 0.001
    assert living.faults == []


def test_a_watched_job_shows_its_tokens_then_its_answer_and_its_verified_receipt(living: Reader, house: House) -> None:
    living.open("/")
    job_id = order(living, MARKUP)
    page = watched(living, f"/jobs/{job_id}")
    page.get_by_text("Waiting for a worker").first.wait_for()
    house.chain.claim(job_id)
    page.locator("#job-head .state.claimed").wait_for()
    house.chain.settle(job_id, house.content.write(MARKUP.encode()), (5, 4))
    page.locator("#receipt-state .state.verified").wait_for()
    page.get_by_text("Receipt verified, paid").wait_for()
    assert page.locator("#answer .said").inner_text() == MARKUP
    assert page.title() != "owned"


def test_what_the_chain_takes_back_is_taken_off_the_page(living: Reader, house: House) -> None:
    living.open("/")
    job_id = order(living)
    house.chain.unfinal = True
    height = house.chain.height
    house.chain.claim(job_id)
    page = watched(living, f"/jobs/{job_id}")
    page.locator("#job-head .state.claimed").wait_for()
    assert page.locator("#job-head").get_by_text("not final yet").count() == 1
    house.chain.reorganise(height + 1)
    page.locator("#job-head .state.open").wait_for()
    page.get_by_text("The chain took back a part of this").wait_for()
    assert page.locator("#life").get_by_text("Claimed").count() == 0


def test_a_list_holds_still_under_the_pointer_and_catches_up_after_it(living: Reader, house: House) -> None:
    page = watched(living, "/jobs")
    first = order(living)
    page.locator(f"#jobs a.id[href='/jobs/{first}']").wait_for()
    page.locator("#jobs").hover()
    second = order(living)
    page.locator("#foot-head a", has_text=str(house.chain.height)).wait_for()
    assert page.locator(f"#jobs a.id[href='/jobs/{second}']").count() == 0
    page.mouse.move(5, 5)
    page.locator(f"#jobs a.id[href='/jobs/{second}']").wait_for()


def test_a_paused_page_stays_as_it_is_until_it_goes_on(living: Reader) -> None:
    page = watched(living, "/jobs")
    page.get_by_role("button", name="live").click()
    job_id = order(living)
    page.wait_for_timeout(800)
    assert page.locator(f"#jobs a.id[href='/jobs/{job_id}']").count() == 0
    page.get_by_role("button", name="paused").click()
    page.locator(f"#jobs a.id[href='/jobs/{job_id}']").wait_for()


def test_a_question_asked_on_the_page_leads_to_its_job(living: Reader, house: House) -> None:
    page = living.open("/ask")
    page.get_by_label("Your question").fill("What is a tally stick?")
    page.get_by_role("button", name="Ask").click()
    page.wait_for_url("**/jobs/*")
    page.get_by_text("Waiting for a worker").first.wait_for()
    threading.Thread(target=house.chain.claim, args=(1,)).start()
    page.locator("#job-head .state.claimed").wait_for()
