"""Pages in a real browser: accessible, light, quick, still, and of use by keyboard, on a phone and without script."""

import os
from typing import Any

import httpx
import pytest

from tests.api.chain import until
from tests.api.pages.conftest import JOBS, PHONE, Reader, Served
from tests.api.pages.test_pages import NODE, PAGES

TABLET_WIDTH, WIDE_WIDTH = 1030, 1440
WEIGHT_MAX = 100_000
LCP_MS_MAX = 300
TRIES_MAX = 15
CUT = """() => [...document.querySelectorAll("td.n, .figures dd, time, .id, .still .state")].filter(
  (each) => [each, each.closest("td")].some((box) => box?.clientWidth && box.scrollWidth > box.clientWidth + 1)
).map((each) => each.innerText)"""
"""Figures and times of which a part is hidden. Names may be, whole in their titles."""
RUN_AXE = (
    "() => axe.run(document).then((found) => found.violations.map((each) => each.id + ' ' + each.nodes[0].target))"
)


@pytest.mark.parametrize("path", [*PAGES, "/nowhere"])
def test_a_page_has_no_violation_of_accessibility(path: str, reader: Reader, axe: str) -> None:
    page = reader.open(path)
    page.evaluate(axe)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(RUN_AXE) == [], scheme


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_each_screen_cuts_no_figure_and_nothing_goes_wrong_on_it(
    path: str, browser: Any, town: Served
) -> None:
    reader = Reader(browser, town.url, viewport=PHONE)
    page = reader.open(path)
    for width in (PHONE["width"], TABLET_WIDTH, WIDE_WIDTH):
        page.set_viewport_size({"width": width, "height": PHONE["height"]})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"it scrolls sideways at {width}"
        assert page.evaluate(CUT) == [], width
    reader.context.close()
    assert reader.faults == []


@pytest.mark.parametrize("path", ["/", "/jobs/9", "/nodes", "/sql"])
def test_a_first_visit_is_light_quick_and_still(path: str, browser: Any, town: Served) -> None:
    """The quickest of a few visits counts, by the machine's pace: it may be busy with others."""
    quickest, limit = 1e9, LCP_MS_MAX * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    for _ in range(TRIES_MAX):
        reader = Reader(browser, town.url)
        sizes: list[int] = []
        reader.page.on("requestfinished", lambda done, sizes=sizes: sizes.append(_bytes(done)))
        page = reader.open(path)
        until(lambda page=page: page.evaluate("seen.lcp"))
        seen = page.evaluate("seen")
        quickest = min(quickest, seen["lcp"])
        assert sum(sizes) <= WEIGHT_MAX
        assert seen["cls"] < 0.001
        reader.context.close()
        if quickest <= limit:
            break
    assert quickest <= limit


def _bytes(done: Any) -> int:
    sizes = done.sizes()
    return int(sizes["responseBodySize"] + sizes["responseHeadersSize"])


def test_stored_markup_never_runs(reader: Reader) -> None:
    for path in (*(f"/jobs/{number}" for number in range(8, JOBS - 4, 8)), "/models", "/models/%3Cb%3Ebold%3C%2Fb%3E"):
        page = reader.open(path)
        assert page.title() != "owned"
        assert page.locator("main img, main script, main iframe, a[href^='javascript:']").count() == 0
    assert reader.faults == []


def test_content_that_is_markup_cannot_act_where_it_is_opened_by_its_name(reader: Reader, town: Served) -> None:
    job = town.house.explorer.queries.job(40)
    assert job is not None
    page = reader.open(f"/ipfs/{job.prompt_cid}")
    assert page.title() != "owned"
    headers = httpx.get(f"{town.url}/ipfs/{job.prompt_cid}").headers
    assert headers["content-security-policy"].startswith("sandbox")


def test_a_reader_follows_a_job_from_the_front_page_to_its_receipt(reader: Reader) -> None:
    page = reader.open("/")
    page.get_by_role("link", name="All jobs").click()
    page.get_by_role("navigation", name="State").get_by_role("link", name="Settled").click()
    page.locator("tbody a.id").first.click()
    assert page.locator("#receipt-state").inner_text() == "verified"
    assert page.locator("#life li").count() >= 4
    page.locator("#terms a[href^='/nodes/']").first.click()
    assert page.locator("h1").inner_text().startswith("Node")
    page.get_by_role("link", name="its account").click()
    assert page.locator("h1 .hex").inner_text().startswith("0x")


def test_the_slash_key_goes_to_the_search_box_and_types_elsewhere(reader: Reader) -> None:
    page = reader.open("/jobs")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type("a/b")
    assert page.locator("#q").input_value() == "a/b"


def test_a_block_is_found_by_keyboard_alone(reader: Reader) -> None:
    page = reader.open("/")
    page.keyboard.press("/")
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    page.locator("main a[href='/blocks/7']").first.press("Enter")
    page.wait_for_url("**/blocks/7")
    assert page.locator("h1").inner_text().startswith("Block 7")


def test_a_query_is_run_by_keyboard_drawn_and_kept_by_its_address(reader: Reader) -> None:
    page = reader.open("/sql")
    page.get_by_label("Query").fill("SELECT state, count(*) AS jobs FROM jobs GROUP BY state ORDER BY state")
    page.get_by_label("Query").press("Control+Enter")
    page.wait_for_url("**/sql?q=SELECT*")
    rows = page.locator("section[aria-label='Result'] tbody tr")
    assert page.locator(".chart .bar").count() == rows.count() > 1
    shown = rows.all_inner_texts()
    page.reload()
    assert rows.all_inner_texts() == shown
    page.get_by_role("link", name="Who earns").click()
    page.locator("section[aria-label='Result'] a.hex").first.click()
    assert page.locator("h1 .hex").inner_text().startswith("0x")
    assert reader.faults == []


def test_every_control_can_be_reached_and_seen_by_keyboard(reader: Reader) -> None:
    page = reader.open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_choice_of_light_or_dark_is_kept(reader: Reader) -> None:
    page = reader.open("/")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Change between light and dark").click()
    after = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert before != after
    assert reader.open("/jobs").evaluate("getComputedStyle(document.body).backgroundColor") == after


def test_times_are_in_the_readers_zone(browser: Any, town: Served) -> None:
    reader = Reader(browser, town.url, timezone_id="Asia/Tokyo", locale="en-GB")
    page = reader.open("/jobs/9")
    shown = page.locator("#life time").first
    told = shown.get_attribute("datetime")
    asked = ", ".join(f"{part}: '2-digit'" for part in ("day", "hour", "minute", "second"))
    assert shown.inner_text() == page.evaluate(
        f"(iso) => new Date(iso).toLocaleString('en-GB', {{ year: 'numeric', month: 'short', {asked},"
        " timeZone: 'Asia/Tokyo', timeZoneName: 'short' })",
        told,
    )
    reader.context.close()


def test_an_address_is_copied_with_its_checksum(browser: Any, town: Served) -> None:
    reader = Reader(browser, town.url, permissions=["clipboard-read", "clipboard-write"])
    page = reader.open(f"/nodes/{NODE}")
    page.get_by_role("button", name="Copy address of the node").click()
    page.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.lower() == NODE
    assert copied != NODE
    reader.context.close()


def test_pages_can_be_read_and_walked_without_script(browser: Any, town: Served) -> None:
    context = browser.new_context(base_url=town.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    assert page.locator("time").first.inner_text().endswith("ago")
    assert page.locator(".needs-script:visible").count() == 0
    page.goto("/sql")
    page.get_by_role("button", name="Run").click()
    assert page.locator("section[aria-label='Result'] tbody tr").count() > 1
    page.goto("/jobs")
    page.get_by_role("link", name="Next page").click()
    page.locator("tbody a.id").first.click()
    assert "UTC" in page.locator("#life time").first.inner_text()
    context.close()
