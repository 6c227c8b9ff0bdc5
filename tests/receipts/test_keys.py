"""Keys: one bit that differs from the manifest is refused; the committed ones are those of the committed circuit."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from receipts.keys import FILES, MANIFEST, BadKeys, DevelopmentKeyRefused, Keys, load_keys, read_manifest, sha256_of
from receipts.settings import ReceiptSettings
from receipts.verifier_contract import vyper_source
from receipts.verifying_key import BadVerifyingKey, parse_verifying_key

CIRCUITS = Path("contracts/circuits")


@pytest.fixture
def folder(keys_folder: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(keys_folder, tmp_path / "keys"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_a_key_file_with_one_bit_changed_is_refused(folder: Path, name: str, place: float) -> None:
    data = bytearray((folder / name).read_bytes())
    data[int(len(data) * place)] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(BadKeys, match=f"{name}.*SHA-256.*restore"):
        load_keys(folder)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BadKeys, match=f"{name}: No such file"):
        load_keys(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"circuit": "receipt"}'])
def test_a_malformed_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    with pytest.raises(BadKeys, match="manifest"):
        load_keys(folder)


def test_a_file_that_the_manifest_does_not_name_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["files"]["receipt.zkey"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BadKeys, match="the manifest says None"):
        load_keys(folder)


def test_the_committed_keys_belong_to_the_committed_circuit(keys_folder: Path) -> None:
    sources = {path.name: sha256_of(path) for path in CIRCUITS.glob("*.circom")}
    assert read_manifest(keys_folder).sources == sources


def test_the_committed_contract_is_the_one_that_its_key_generates(keys: Keys) -> None:
    assert Path("contracts/ReceiptVerifier.vy").read_text() == vyper_source(keys.verifying_key_json)


def test_the_committed_keys_are_marked_as_for_development(keys: Keys) -> None:
    assert keys.manifest.development
    (only,) = keys.manifest.ceremony.contributions
    assert only.beacon is not None


def test_a_manifest_that_denies_it_does_not_make_the_development_key_a_real_one(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "development": False}))
    keys = load_keys(folder)
    assert keys.is_development
    with pytest.raises(DevelopmentKeyRefused):
        keys.require_chain(1)


WRONG: dict[str, Any] = {
    "protocol": "plonk",
    "curve": "bls12381",
    "nPublic": 8,
    "IC": [],
    "vk_alpha_1": ["1", "3", "1"],
    "vk_beta_2": [["1", "2"], ["3", "4"], ["1", "0"]],
    "vk_gamma_2": "nothing",
    "vk_delta_2": [["1", "2"], ["3", "4"]],
}


@pytest.mark.parametrize("field", WRONG)
def test_a_verifying_key_with_a_wrong_part_is_refused(keys: Keys, field: str) -> None:
    with pytest.raises(BadVerifyingKey):
        parse_verifying_key({**keys.verifying_key_json, field: WRONG[field]})


@pytest.mark.parametrize("field", WRONG)
def test_a_verifying_key_that_lacks_a_part_is_refused(keys: Keys, field: str) -> None:
    partial = copy.copy(keys.verifying_key_json)
    del partial[field]
    with pytest.raises(BadVerifyingKey, match=field):
        parse_verifying_key(partial)


def test_settings_out_of_range_name_their_field() -> None:
    with pytest.raises(ValueError, match="prover is 'snarkjs'"):
        ReceiptSettings(prover="snarkjs")
    with pytest.raises(ValueError, match="cache_folder is empty"):
        ReceiptSettings(cache_folder="")
