"""A folder of keys in, the files that its manifest vouches for out; a file that differs in one bit is refused."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from .deployment import DEVELOPMENT_CHAINS, DEVELOPMENT_DIGESTS, key_digest
from .verifying_key import VerifyingKey, parse_verifying_key

MANIFEST = "manifest.json"
PROVING_KEY = "receipt.zkey"
WITNESS_GENERATOR = "receipt.wasm"
VERIFYING_KEY = "verifying_key.json"
FILES = (PROVING_KEY, WITNESS_GENERATOR, VERIFYING_KEY)


class BadKeys(Exception):
    """Key files that are missing, or are not those of the manifest."""


class DevelopmentKeyRefused(BadKeys):
    """The development key on a chain where money is real: whoever ran its ceremony can forge proofs."""


class Contribution(Struct, frozen=True):
    """One party's part in the second phase; the beacon is the last."""

    name: str
    hash: str
    beacon: str | None = None


class Transcript(Struct, frozen=True):
    """What a ceremony did, for everybody to check against the proving key."""

    powers_of_tau: str
    circuit_hash: str
    contributions: list[Contribution]


class Manifest(Struct, frozen=True):
    """SHA-256 sums of the key files, and where they came from: circuit sources, tools, ceremony."""

    circuit: str
    development: bool
    files: dict[str, str]
    sources: dict[str, str]
    r1cs: str
    tools: dict[str, str]
    ceremony: Transcript


class Keys(Struct, frozen=True):
    """One circuit's keys, checked against their manifest."""

    manifest: Manifest
    proving_key: bytes
    witness_generator: bytes
    verifying_key_json: dict[str, Any]
    verifying_key: VerifyingKey

    @property
    def digest(self) -> bytes:
        """What the verifier contract and the deployment name these keys by."""
        return key_digest(self.verifying_key_json)

    @property
    def is_development(self) -> bool:
        return self.manifest.development or self.digest.hex() in DEVELOPMENT_DIGESTS

    def require_chain(self, chain_id: int) -> None:
        """Raises DevelopmentKeyRefused where the development key has no business."""
        if self.is_development and chain_id not in DEVELOPMENT_CHAINS:
            raise DevelopmentKeyRefused(
                f"the keys of circuit {self.manifest.circuit!r} are for development and may not be used on chain "
                f"{chain_id}: hold a ceremony (`tallystick ceremony`) and name its folder as keys_folder"
            )


def load_keys(folder: Path) -> Keys:
    """Reads and checks a folder of keys. Raises BadKeys."""
    manifest = read_manifest(folder)
    data = {name: _vouched(folder / name, manifest.files.get(name)) for name in FILES}
    verifying_key = msgspec.json.decode(data[VERIFYING_KEY])
    return Keys(
        manifest,
        data[PROVING_KEY],
        data[WITNESS_GENERATOR],
        verifying_key,
        parse_verifying_key(verifying_key),
    )


def read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        return msgspec.json.decode(_read(path), type=Manifest)
    except msgspec.MsgspecError as fault:
        raise BadKeys(f"{path}: {fault}; restore the folder, or hold a ceremony") from None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def sha256_of(path: Path) -> str:
    return hashlib.sha256(_read(path)).hexdigest()


def _vouched(path: Path, expected: str | None) -> bytes:
    data = _read(path)
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise BadKeys(f"{path}: its SHA-256 is {found}, the manifest says {expected}; restore the file")
    return data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise BadKeys(f"{path}: {fault.strerror}; restore the file, or name another keys_folder") from None
