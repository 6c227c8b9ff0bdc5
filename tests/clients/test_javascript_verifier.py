"""The verifier in JavaScript judges as the one in Python does, and is built from the sources that are here."""

import filecmp
import gzip
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from receipts.checks import CHECKS
from receipts.deployment import BadDeployment, parse
from receipts.verification import verify_bundle
from tests.clients.javascript import PACKAGE, ROOT, SERVED, Line, find_node, install_packages, judged_by_node, run
from tests.clients.table import ANCHOR, PINS_DATA, Case, cases, characters
from tests.receipts.bundles import BUNDLE, DATA
from tests.receipts.settled import STORED

STATES = {True: "passed", False: "failed", None: "skipped"}
WEIGHT_MAX = 40_000
BUNDLE_FILE, PINS_FILE = STORED / "bundle.json", STORED / "deployment.json"
SAMPLED = 9
CHARACTERS_APART = 5

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("javascript")]


def judged_by_python(case: Case) -> Line:
    try:
        pins = parse(case.deployment)
    except BadDeployment as fault:
        return [2, ["deployment", "failed", str(fault)]]
    block_hash = None if case.block_hash is None else bytes.fromhex(case.block_hash[2:])
    verdict = verify_bundle(case.bundle, pins, block_hash=block_hash)
    return [verdict.exit_code, *([step.name, STATES[step.passed], step.detail] for step in verdict.steps)]


def compared(line: Line) -> Line:
    """What two verifiers must agree on: status, steps and their states, and what is said of those that hold."""
    status, *steps = line
    return [status, *([name, state, detail if state != "failed" else ""] for name, state, detail in steps)]


def assert_agreement(given: Iterable[Case], folder: Path) -> list[Line]:
    given = list(given)
    theirs, ours = judged_by_node(given, folder), [judged_by_python(case) for case in given]
    assert len(theirs) == len(ours)
    for case, one, other in zip(given, theirs, ours, strict=True):
        assert compared(one) == compared(other), (case.bundle[:20_000], case.block_hash, one[-1], other[-1])
        assert one[-1][2], "every step says what it found"
    return ours


def test_it_finds_the_same_at_the_same_step(tmp_path: Path) -> None:
    lines = assert_agreement(islice(cases(), 0, None, SAMPLED), tmp_path)
    assert len(lines) > 150


@pytest.mark.slow
def test_it_finds_the_same_in_the_whole_table(tmp_path: Path) -> None:
    lines = assert_agreement(cases(), tmp_path)
    assert {line[0] for line in lines} == {0, 1, 2, 3}
    assert {line[-1][0] for line in lines} == {
        "deployment", "encoding", "pins", "content", "tokens", "signature", "commitment", "proof", "terms",
        "settlement", "anchor",
    }  # fmt: skip


@pytest.mark.slow
def test_it_refuses_a_character_changed_anywhere(tmp_path: Path) -> None:
    assert {line[0] for line in assert_agreement(characters(CHARACTERS_APART), tmp_path)} == {1}


def test_what_is_served_is_small() -> None:
    weight = sum(len(gzip.compress((SERVED / name).read_bytes(), 9)) for name in ("verify.js", "verify.css"))
    assert weight <= WEIGHT_MAX, f"{weight} bytes, compressed"


def test_what_is_served_needs_nothing_that_a_strict_policy_forbids() -> None:
    text = (SERVED / "verify.js").read_text()
    assert not [
        word for word in ("eval(", "new Function", "innerHTML", "insertAdjacentHTML", "document.write") if word in text
    ]


def test_its_packages_are_pinned() -> None:
    package = msgspec.json.decode((PACKAGE / "package.json").read_bytes())
    versions = [*package["dependencies"].values(), *package["devDependencies"].values()]
    assert all(part.isdecimal() for version in versions for part in version.split("."))
    assert not [line for line in (PACKAGE / "package-lock.json").read_text().splitlines() if "resolved" in line]


def test_what_is_served_is_built_from_the_sources(tmp_path: Path) -> None:
    install_packages()
    done = run(find_node(), "build.js", tmp_path, folder=PACKAGE)
    assert done.returncode == 0, done.stderr
    same, other, missing = filecmp.cmpfiles(tmp_path, SERVED, ["verify.js", "verify.css"], shallow=False)
    assert len(same) == 2, f"run `npm run build` in clients/js/receipts: {other or missing} would be another"


def test_its_types_hold() -> None:
    install_packages()
    done = run(find_node(), "node_modules/typescript/bin/tsc", folder=PACKAGE)
    assert done.returncode == 0, done.stdout


def test_its_sources_are_formatted() -> None:
    install_packages()
    done = run(find_node(), "node_modules/prettier/bin/prettier.cjs", "--check", ".", folder=PACKAGE)
    assert done.returncode == 0, done.stderr


def test_its_steps_are_those_of_python_and_of_the_page_about_them(tmp_path: Path) -> None:
    ((_, *steps),) = judged_by_node([Case(DATA)], tmp_path)
    steps_told = re.findall(r"^\| `([a-z]+)` \|", (ROOT / "docs/verify.md").read_text(), re.MULTILINE)
    assert [name for name, *_ in steps] == ["encoding", *CHECKS] == steps_told


def commands() -> Iterator[tuple[tuple[str | Path, ...], int, str]]:
    """Arguments, the status that they end with, and the last line."""
    pins = ("--deployment", PINS_FILE)
    yield (BUNDLE_FILE, *pins, "--block-hash", ANCHOR), 0, "verified"
    yield (BUNDLE_FILE, *pins), 3, "consistent"
    yield (BUNDLE_FILE, *pins, "--block-hash", "0x" + "12" * 32), 1, "failed"
    yield (BUNDLE_FILE, *pins, "--block-hash", "0x12"), 2, "error: --block-hash '0x12' is not 0x and 64 hex digits"
    yield (
        (BUNDLE_FILE, *pins, "--rpc", "http://127.0.0.1:1"),
        2,
        "error: the node at http://127.0.0.1:1 does not answer",
    )
    yield (BUNDLE_FILE, "--deployment", BUNDLE_FILE), 2, "error: deployment.chain_id is missing"
    yield (BUNDLE_FILE, "--deployment", "none.json"), 2, "error: none.json cannot be read"


def test_its_command_ends_as_the_python_one_does(tmp_path: Path) -> None:
    install_packages()
    node = find_node()
    for arguments, status, words in commands():
        done = run(node, PACKAGE / "bin/tallystick-verify.js", *arguments, folder=tmp_path)
        said = (done.stdout if status != 2 else done.stderr).splitlines()
        assert (done.returncode, said[-1][: len(words)]) == (status, words), done.stderr


def test_its_command_tells_what_the_python_one_tells(tmp_path: Path) -> None:
    install_packages()
    (tmp_path / "changed.json").write_bytes(DATA.replace(b"scattered", b"shattered"))
    done = run(find_node(), PACKAGE / "bin/tallystick-verify.js", tmp_path / "changed.json", "--deployment", PINS_FILE)
    assert done.returncode == 1
    assert "FAILED  content     the response of 42 bytes is Qm" in done.stdout


def test_a_bundle_is_anchored_by_the_hash_alone_and_not_by_how_it_is_written(tmp_path: Path) -> None:
    given = [Case(DATA, PINS_DATA, each) for each in (BUNDLE.block.hash, "0x" + BUNDLE.block.hash[2:].upper())]
    assert [line[0] for line in judged_by_node(given, tmp_path)] == [0, 0]
