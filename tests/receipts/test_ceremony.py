"""The ceremony: two strangers make keys that prove, the development key is made again byte for byte."""

import functools
from pathlib import Path
from typing import Any

import pytest

from receipts.ceremony import (
    CIRCUITS,
    BadCeremony,
    contribute,
    finalise,
    make_development_keys,
    publish,
    require_finished,
    verify,
    verify_published,
)
from receipts.ceremony_tools import ToolFailed, ToolMissing, Tools, find_tools
from receipts.keys import FILES, MANIFEST, Contribution, Transcript, load_keys
from receipts.prover import load_prover
from tests.receipts.statements import honest

MAINNET = 1
BEACON = b"the hash of a later block"


def slow(test: Any) -> Any:
    """Minutes of snarkjs, all in one process so that its development ceremony is held once."""
    marks = (pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("ceremony"))
    return functools.reduce(lambda marked, mark: mark(marked), marks, test)


@pytest.fixture(scope="module")
def development(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of a development ceremony: circuit, powers of tau, first file, and the keys."""
    folder = tmp_path_factory.mktemp("ceremony")
    make_development_keys(tools, CIRCUITS, folder / "keys", folder)
    return folder


@slow
def test_the_development_key_is_made_again_byte_for_byte(development: Path, keys_folder: Path) -> None:
    for name in (*FILES, MANIFEST):
        assert (development / "keys" / name).read_bytes() == (keys_folder / name).read_bytes(), name


@slow
def test_two_parties_make_keys_that_prove_where_money_is_real(tools: Tools, development: Path, tmp_path: Path) -> None:
    powers = development / "powers.ptau"
    ada = contribute(tools, development / "first.zkey", tmp_path / "1.zkey", "Ada")
    bob = contribute(tools, tmp_path / "1.zkey", tmp_path / "2.zkey", "Bob of Cork")
    last = finalise(tools, tmp_path / "2.zkey", tmp_path / "3.zkey", BEACON)
    published = publish(tools, CIRCUITS, powers, last, tmp_path / "keys")

    parts = [(part.name, part.hash, part.beacon) for part in published.ceremony.contributions]
    assert parts[:2] == [("Ada", ada, None), ("Bob of Cork", bob, None)]
    assert parts[2][::2] == ("beacon", BEACON.hex())
    assert not published.development
    assert load_prover(load_keys(tmp_path / "keys"), MAINNET).prove(*honest())
    assert verify_published(tools, CIRCUITS, powers, tmp_path / "keys") == published


@slow
def test_a_contribution_with_one_bit_changed_breaks_the_chain(tools: Tools, development: Path, tmp_path: Path) -> None:
    first = development / "first.zkey"
    contribute(tools, first, tmp_path / "1.zkey", "Ada")
    data = bytearray((tmp_path / "1.zkey").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "forged.zkey").write_bytes(data)
    with pytest.raises(BadCeremony, match="does not follow"):
        verify(tools, development / "receipt.r1cs", development / "powers.ptau", tmp_path / "forged.zkey")
    with pytest.raises(ToolFailed, match="exists already"):
        contribute(tools, first, tmp_path / "1.zkey", "Bob")
    with pytest.raises(ToolFailed, match="failed"):
        contribute(tools, tmp_path / "absent.zkey", tmp_path / "2.zkey", "Bob")
    assert {path.name for path in tmp_path.iterdir()} == {"1.zkey", "forged.zkey"}


PERSON = Contribution("Ada", "00" * 64)
FINAL = Contribution("beacon", "11" * 64, BEACON.hex())


def transcript(*contributions: Contribution) -> Transcript:
    return Transcript("22" * 32, "33" * 64, list(contributions))


def test_keys_are_published_when_people_and_then_a_beacon_contributed() -> None:
    require_finished(transcript(PERSON, FINAL))
    require_finished(transcript(FINAL), development=True)
    for unfinished in ([], [PERSON], [FINAL, PERSON]):
        with pytest.raises(BadCeremony, match="no final beacon"):
            require_finished(transcript(*unfinished))
    with pytest.raises(BadCeremony, match="nobody but a beacon"):
        require_finished(transcript(FINAL))


def test_published_keys_are_not_overwritten(keys_folder: Path, tmp_path: Path) -> None:
    tools = Tools("node", tmp_path)
    with pytest.raises(BadCeremony, match="holds keys already"):
        publish(tools, CIRCUITS, tmp_path / "powers.ptau", tmp_path / "last.zkey", keys_folder)


@pytest.mark.parametrize("name", ["", " Ada", "Ada\n", "--name", "x" * 65, "A/B"])
def test_a_name_that_could_confuse_a_transcript_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadCeremony, match="the name"):
        contribute(Tools("node", tmp_path), tmp_path / "0", tmp_path / "1", name)


@pytest.mark.parametrize("length", [0, 15, 65])
def test_a_beacon_of_another_length_is_refused(length: int, tmp_path: Path) -> None:
    with pytest.raises(BadCeremony, match=f"{length} bytes"):
        finalise(Tools("node", tmp_path), tmp_path / "0", tmp_path / "1", bytes(length))


def test_missing_tools_are_named_with_the_command_that_brings_them(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match=r"no circom2 is in .* npm install .*circom2@0\.2\.23"):
        find_tools(tmp_path)


def test_tools_in_another_version_are_refused(tmp_path: Path) -> None:
    package = tmp_path / "node_modules" / "circom2"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"version": "0.2.22"}')
    with pytest.raises(ToolMissing, match=r"circom2 0\.2\.22 is in .* needs 0\.2\.23"):
        find_tools(tmp_path)
