"""A reader presses one button, and a real browser judges the receipt as `tallystick verify` does, step by step."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.chromium import axe_source, chromium
from tests.clients.page import serving
from tests.clients.table import ANCHOR, PINS_DATA, Case, cases
from tests.clients.test_javascript_verifier import compared, judged_by_python
from tests.receipts.bundles import DATA
from tests.receipts.settled import STORED

SAMPLED = 41
BREACHES = "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))"
JUDGE = """async ([bundle, deployment, blockHash]) => {
  const { BadDeployment, parseDeployment, verifyBundle } = await import("/static/verify.js");
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  try {
    const pins = await parseDeployment(bytes(deployment));
    const { exitCode, steps } = await verifyBundle(bytes(bundle), pins, { blockHash });
    return [exitCode, ...steps.map(({ name, state, detail }) => [name, state, detail])];
  } catch (fault) {
    return [2, ["deployment", fault instanceof BadDeployment ? "failed" : "thrown", fault.message]];
  }
}"""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("javascript")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh tab; whatever it complains of, a breach of the policy for instance, fails the test."""
    context = browser.new_context()
    page, complaints = context.new_page(), []
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    page.on("console", lambda said: said.type == "error" and "409" not in said.text and complaints.append(said.text))
    yield page
    context.close()
    assert not complaints


def shown(page: Any) -> dict[str, str]:
    """Each step's title with its state."""
    steps = page.locator(".verify-step")
    titles, states = (steps.locator(each).all_inner_texts() for each in (".verify-title", ".verify-state"))
    return dict(zip(titles, states, strict=True))


def outcome(page: Any, state: str) -> str:
    box = page.locator(f'.verify-outcome[data-state="{state}"]')
    box.wait_for()
    text: str = box.inner_text()
    return text


def test_without_a_hash_it_is_consistent_and_with_it_verified_also_offline(page: Any) -> None:
    with serving({"/evidence.json": DATA, "/deployment.json": PINS_DATA}) as url:
        page.goto(f"{url}/page.html", wait_until="networkidle")
        page.context.set_offline(True)
        page.get_by_role("button", name="Verify").click()
        assert outcome(page, "consistent").startswith("Consistent, not anchored")
        assert shown(page) == {
            "Encoding": "holds", "Pins": "holds", "Content": "holds", "Token counts": "not checked",
            "Signature": "holds", "Commitment": "holds", "Proof": "holds", "Price": "holds", "Settlement": "holds",
            "Anchor": "not checked",
        }  # fmt: skip
        page.get_by_role("textbox", name="Hash of the settling block").fill(ANCHOR)
        page.keyboard.press("Enter")
        text = outcome(page, "verified")
        assert text.startswith("Verified")
        assert "nor that this model computed the answer" in text
        assert shown(page)["Anchor"] == "holds"


def test_it_names_the_step_that_fails_and_leaves_the_rest_unchecked(page: Any) -> None:
    changed = DATA.replace(b"scattered", b"shattered")
    with serving({"/evidence.json": changed, "/deployment.json": PINS_DATA}) as url:
        page.goto(f"{url}/page.html")
        page.get_by_role("button", name="Verify").click()
        text = outcome(page, "failed")
        assert text.startswith("Failed at step “Content”")
        assert "the receipt names Qm" in text
        assert list(shown(page).values()) == ["holds", "holds", "fails"] + ["not reached"] * 7


def test_evidence_that_is_not_there_is_said_to_be_so_and_asked_for_again(page: Any) -> None:
    with serving({"/deployment.json": PINS_DATA}) as url:
        page.goto(f"{url}/page.html")
        page.get_by_role("button", name="Verify").click()
        assert "could not be fetched: job 1 is open. Wait for it." in outcome(page, "unchecked")
        assert set(shown(page).values()) == {"not reached"}


def test_pins_that_are_none_judge_nothing(page: Any) -> None:
    with serving({"/evidence.json": DATA, "/deployment.json": b"{}"}) as url:
        page.goto(f"{url}/page.html")
        page.get_by_role("button", name="Verify").click()
        assert "deployment.chain_id is missing" in outcome(page, "unchecked")


def test_pins_of_the_reader_s_own_go_before_those_of_the_site(page: Any, tmp_path: Path) -> None:
    pins = msgspec.json.decode(PINS_DATA)
    (tmp_path / "deployment.json").write_bytes(msgspec.json.encode({**pins, "chain_id": 1337}))
    with serving({"/evidence.json": DATA, "/deployment.json": PINS_DATA}) as url:
        page.goto(f"{url}/page.html")
        page.get_by_text("Use my own pins").click()
        page.get_by_label("Pins of your own").set_input_files(tmp_path / "deployment.json")
        page.get_by_role("button", name="Verify").click()
        assert outcome(page, "failed").startswith("Failed at step “Pins”")


def test_where_the_page_names_no_files_the_reader_chooses_them(page: Any) -> None:
    with serving({}) as url:
        page.goto(f"{url}/own.html")
        page.get_by_role("button", name="Verify").click()
        assert "choose the evidence bundle" in outcome(page, "unchecked")
        page.get_by_label("Evidence bundle").set_input_files(STORED / "bundle.json")
        page.get_by_label("Pins of your own").set_input_files(STORED / "deployment.json")
        page.get_by_role("button", name="Verify").click()
        assert outcome(page, "consistent")


def test_a_hash_that_is_none_is_refused_by_the_form(page: Any) -> None:
    with serving({"/evidence.json": DATA, "/deployment.json": PINS_DATA}) as url:
        page.goto(f"{url}/page.html")
        page.get_by_role("textbox").fill("0x12")
        page.get_by_role("button", name="Verify").click()
        assert page.locator(".verify-hash:user-invalid").count() == 1
        assert page.locator(".verify-steps").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("changed", [False, True])
def test_it_can_be_used_without_sight_or_mouse(page: Any, scheme: str, changed: bool) -> None:
    axe = axe_source()
    evidence = DATA.replace(b"scattered", b"shattered") if changed else DATA
    with serving({"/evidence.json": evidence, "/deployment.json": PINS_DATA}) as url:
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{url}/page.html")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        outcome(page, "failed" if changed else "consistent")
        page.evaluate(axe)
        found = page.evaluate(BREACHES)
        assert found == []


def test_it_judges_the_table_as_python_does(page: Any) -> None:
    with serving({}) as url:
        page.goto(f"{url}/own.html")
        for case in islice(cases(), 0, None, SAMPLED):
            assert compared(page.evaluate(JUDGE, given(case))) == compared(judged_by_python(case))


def given(case: Case) -> list[Any]:
    bundle, deployment = (msgspec.to_builtins(data) for data in (case.bundle, case.deployment))
    return [bundle, deployment, case.block_hash]
