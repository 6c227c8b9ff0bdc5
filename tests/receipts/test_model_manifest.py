"""A model is named by the sums of its files, and by nothing else."""

import hashlib
from pathlib import Path

import pytest

from receipts.canonical import NotCanonical
from receipts.model_manifest import (
    BadModelFiles,
    ModelFile,
    ModelManifest,
    check,
    decode_manifest,
    describe,
    encode_manifest,
    model_cid,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "b.bin").write_bytes(b"weights")
    (tmp_path / "a.json").write_bytes(b"{}")
    return tmp_path


def test_files_are_listed_by_name_with_size_and_sum(folder: Path) -> None:
    assert describe(folder) == ModelManifest((
        ModelFile("a.json", 2, hashlib.sha256(b"{}").hexdigest()),
        ModelFile("parts/b.bin", 7, hashlib.sha256(b"weights").hexdigest()),
    ))  # fmt: skip


def test_hidden_files_and_the_manifest_itself_do_not_count(folder: Path) -> None:
    before = describe(folder)
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x").write_bytes(b"x")
    (folder / "manifest.json").write_bytes(encode_manifest(before))
    assert describe(folder) == before


def test_the_manifest_has_one_encoding_and_a_name(folder: Path) -> None:
    data = encode_manifest(describe(folder))
    assert decode_manifest(data) == describe(folder)
    assert str(model_cid(data)).startswith("Qm")
    assert encode_manifest(ModelManifest(())) == b'{"files":[],"schema":"tallystick/model/1"}'
    for changed in (data + b" ", data.replace(b"model/1", b"model/2"), data.replace(b'"size":2', b'"size":-2')):
        with pytest.raises(NotCanonical):
            decode_manifest(changed)


def test_progress_runs_up_to_all_bytes(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    describe(folder, lambda done, total: seen.append((done, total)))
    assert seen == [(2, 9), (9, 9)]


def test_files_that_differ_from_the_manifest_are_named(folder: Path) -> None:
    manifest = describe(folder)
    check(folder, manifest)
    (folder / "a.json").write_bytes(b"[]")
    with pytest.raises(BadModelFiles, match=r"a\.json has the SHA-256"):
        check(folder, manifest)
    check(folder, manifest, frozenset({"parts/b.bin"}))
    (folder / "a.json").unlink()
    with pytest.raises(BadModelFiles, match="missing"):
        check(folder, manifest)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModelFiles, match="holds no files"):
        describe(tmp_path)
