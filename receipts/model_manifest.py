"""A folder with a model in, the list of its files with their sums out: the document that names the model on chain."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from .canonical import Count, decode, encode
from .content.cid import Cid
from .content.unixfs import cid_of

SCHEMA: Literal["tallystick/model/1"] = "tallystick/model/1"
FILE_NAME = "manifest.json"
READ_BYTES = 1 << 20

Progress = Callable[[int, int], None]
"""Told after every piece: bytes hashed so far, and bytes in all."""


class BadModelFiles(Exception):
    """The model's files are missing, or not those of its manifest."""


class ModelFile(Struct, frozen=True):
    """One file, by its path within the folder."""

    name: str
    size: Count
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)]


class ModelManifest(Struct, frozen=True):
    """What a model is, file by file, sorted by name."""

    files: tuple[ModelFile, ...]
    schema: Literal["tallystick/model/1"] = SCHEMA


def describe(folder: Path, progress: Progress | None = None) -> ModelManifest:
    """Hashes every file of `folder` but the hidden ones and a manifest kept in it."""
    paths = sorted(_files(folder), key=lambda path: path.relative_to(folder).as_posix())
    if not paths:
        raise BadModelFiles(f"{folder} holds no files: name the folder of a model")
    total, done = sum(path.stat().st_size for path in paths), 0
    files = []
    for path in paths:
        name, size = path.relative_to(folder).as_posix(), path.stat().st_size
        files.append(ModelFile(name, size, _sha256(path, partial(_tell, progress, done, total))))
        done += size
    return ModelManifest(tuple(files))


def check(folder: Path, manifest: ModelManifest, names: frozenset[str] | None = None) -> None:
    """Raises BadModelFiles unless the files (or those of `names`) are as the manifest lists them."""
    for file in manifest.files:
        if names is not None and file.name not in names:
            continue
        path = folder / file.name
        if not path.is_file():
            raise BadModelFiles(f"{path} is missing: the manifest lists it")
        found = _sha256(path)
        if found != file.sha256:
            raise BadModelFiles(f"{path} has the SHA-256 {found}, the manifest says {file.sha256}")


def encode_manifest(manifest: ModelManifest) -> bytes:
    return encode(manifest)


def decode_manifest(data: bytes) -> ModelManifest:
    """Raises NotCanonical for anything but the one encoding of a manifest."""
    return decode(data, ModelManifest, "model manifest")


def model_digest(manifest: bytes) -> bytes:
    """What a receipt commits to of its model."""
    return hashlib.sha256(manifest).digest()


def model_cid(manifest: bytes) -> Cid:
    """What the model is registered under."""
    return cid_of(manifest)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        within = path.relative_to(folder)
        if path.is_file() and within != Path(FILE_NAME) and not any(part.startswith(".") for part in within.parts):
            yield path


def _sha256(path: Path, told: Callable[[int], None] | None = None) -> str:
    """Hashes a file in pieces; `told` hears how many bytes are done."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
            size += len(piece)
            if told:
                told(size)
    return digest.hexdigest()


def _tell(progress: Progress | None, before: int, total: int, size: int) -> None:
    if progress:
        progress(before + size, total)
