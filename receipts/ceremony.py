"""Circuit sources and powers of tau in, a folder of keys with its transcript out: Groth16's second phase by many hands.

A ceremony is `start`, then `contribute` by each party in turn (file in, file out), then `finalise` with a public beacon
that nobody could know before, then `publish`. Forging a proof takes every contributor's secret; one honest party is
enough. `python -m receipts.ceremony --development FOLDER` makes the development key, byte for byte the committed one:
its only contribution is a constant, so everybody knows its secret, and it is refused where money is real.
"""

import argparse
import hashlib
import os
import re
import tempfile
from pathlib import Path

from msgspec import Struct

from .ceremony_tools import VERSIONS, ToolFailed, Tools, find_tools, produce
from .keys import (
    FILES,
    MANIFEST,
    PROVING_KEY,
    VERIFYING_KEY,
    WITNESS_GENERATOR,
    BadKeys,
    Contribution,
    Manifest,
    Transcript,
    read_manifest,
    sha256_of,
    write_manifest,
)
from .settings import HERE, ReceiptSettings

CIRCUIT = "receipt"
CIRCUITS = HERE / "contracts" / "circuits"
POWER = 10  # 2^10 constraints hold the circuit's 866
BEACON_ROUNDS = 10  # the beacon is hashed 2^10 times
DEVELOPMENT_BEACON = hashlib.sha256(b"tallystick development key").digest()
DEVELOPMENT_NAME = "development"
ENTROPY_BYTES = 64

_NAME = re.compile(r"[\w.@+][\w.@+ -]{0,63}")
_CIRCUIT_HASH = re.compile(r"Circuit Hash:\s+((?:[0-9a-f]{8}\s+){16})")
_PART = re.compile(r"contribution #\d+ (.*):\n\s+((?:[0-9a-f]{8}\s+){16})")
_BEACON = re.compile(r"Beacon generator: ([0-9a-f]+)")
_HASH = re.compile(r"Contribution Hash:\s+((?:[0-9a-f]{8}\s+){16})")


class BadCeremony(Exception):
    """A step that would not give keys to rely on."""


class Circuit(Struct, frozen=True):
    """What circom makes of the sources: the constraints, and the program that finds a witness."""

    constraints: Path
    witness_generator: Path


def compile_circuit(tools: Tools, sources: Path, folder: Path) -> Circuit:
    """Compiles receipt.circom into `folder`."""
    tools.circom(str(sources / f"{CIRCUIT}.circom"), "--O2", "--r1cs", "--wasm", "-o", str(folder))
    return Circuit(folder / f"{CIRCUIT}.r1cs", folder / f"{CIRCUIT}_js" / WITNESS_GENERATOR)


def make_powers(tools: Tools, powers: Path, beacon: bytes, name: str) -> Path:
    """The first phase with one contribution, a beacon. A real ceremony starts from powers that many made."""

    def make(part: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            fresh, beaten = f"{scratch}/fresh.ptau", f"{scratch}/beaten.ptau"
            tools.snarkjs("powersoftau", "new", "bn128", str(POWER), fresh)
            tools.snarkjs("powersoftau", "beacon", fresh, beaten, beacon.hex(), str(BEACON_ROUNDS), f"-n={name}")
            tools.snarkjs("powersoftau", "prepare", "phase2", beaten, str(part))

    return produce(powers, make)


def start(tools: Tools, constraints: Path, powers: Path, first: Path) -> Path:
    """Writes the file that the first party contributes to, from powers of tau that are checked first."""
    tools.snarkjs("powersoftau", "verify", str(powers))
    return produce(first, lambda part: tools.snarkjs("groth16", "setup", str(constraints), str(powers), str(part)))


def contribute(tools: Tools, before: Path, after: Path, name: str) -> str:
    """Adds one party's secret, drawn from the operating system and kept nowhere; returns the hash to publish."""
    _require_name(name)
    secret = os.urandom(ENTROPY_BYTES).hex() + "\n"  # by standard input: arguments are readable by other users
    said: list[str] = []
    produce(
        after,
        lambda part: said.append(
            tools.snarkjs("zkey", "contribute", str(before), str(part), f"--name={name}", stdin=secret)
        ),
    )
    return _joined(_found(_HASH, said[0]))


def finalise(tools: Tools, before: Path, after: Path, beacon: bytes, name: str = "beacon") -> Path:
    """Ends the ceremony with public randomness, for instance the hash of a block agreed on before it was mined."""
    _require_name(name)
    if not 16 <= len(beacon) <= 64:
        raise BadCeremony(f"the beacon has {len(beacon)} bytes: give 16 to 64 that nobody could foresee")
    return produce(
        after,
        lambda part: tools.snarkjs(
            "zkey", "beacon", str(before), str(part), beacon.hex(), str(BEACON_ROUNDS), f"-n={name}"
        ),
    )


def verify(tools: Tools, constraints: Path, powers: Path, proving_key: Path) -> Transcript:
    """Checks the whole chain, from the powers of tau to the last contribution. Raises BadCeremony."""
    try:
        tools.snarkjs("powersoftau", "verify", str(powers))
        said = tools.snarkjs("zkey", "verify", str(constraints), str(powers), str(proving_key))
    except ToolFailed as fault:
        raise BadCeremony(f"{proving_key} does not follow from this circuit and {powers}: {fault}") from None
    if "ZKey Ok!" not in said:
        raise BadCeremony(f"{proving_key}: snarkjs does not call it good: {said[-500:]}")
    return Transcript(sha256_of(powers), _joined(_found(_CIRCUIT_HASH, said)), _contributions(said))


def publish(
    tools: Tools, sources: Path, powers: Path, proving_key: Path, folder: Path, development: bool = False
) -> Manifest:
    """Verifies a finished ceremony and writes the folder that provers and verifiers load; its manifest comes last."""
    if (folder / MANIFEST).exists() and not development:
        raise BadCeremony(f"{folder} holds keys already: a ceremony overwrites nothing, choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        circuit = compile_circuit(tools, sources, Path(scratch))
        transcript = verify(tools, circuit.constraints, powers, proving_key)
        require_finished(transcript, development)
        (folder / PROVING_KEY).write_bytes(proving_key.read_bytes())
        (folder / WITNESS_GENERATOR).write_bytes(circuit.witness_generator.read_bytes())
        tools.snarkjs("zkey", "export", "verificationkey", str(proving_key), str(folder / VERIFYING_KEY))
        manifest = Manifest(
            circuit=CIRCUIT,
            development=development,
            files={name: sha256_of(folder / name) for name in FILES},
            sources={path.name: sha256_of(path) for path in sorted(sources.glob("*.circom"))},
            r1cs=sha256_of(circuit.constraints),
            tools=VERSIONS,
            ceremony=transcript,
        )
    write_manifest(folder, manifest)
    return manifest


def verify_published(tools: Tools, sources: Path, powers: Path, folder: Path) -> Manifest:
    """Checks a folder of keys against the circuit's sources, the powers of tau and its own manifest."""
    claimed = read_manifest(folder)
    with tempfile.TemporaryDirectory() as scratch:
        found = publish(tools, sources, powers, folder / PROVING_KEY, Path(scratch) / "keys", claimed.development)
    differing = [name for name in FILES if found.files[name] != sha256_of(folder / name)]
    if differing or found != claimed:
        raise BadKeys(f"{folder}: {', '.join(differing) or 'the manifest'} does not follow from sources and transcript")
    return claimed


def make_development_keys(tools: Tools, sources: Path, folder: Path, work: Path) -> Manifest:
    """The reproducible, insecure ceremony: both phases hold one contribution, a constant beacon.

    `work` is an empty folder for what lies between: circuit, powers of tau, first and last proving key.
    """
    powers = make_powers(tools, work / "powers.ptau", DEVELOPMENT_BEACON, DEVELOPMENT_NAME)
    first = start(tools, compile_circuit(tools, sources, work).constraints, powers, work / "first.zkey")
    last = finalise(tools, first, work / "last.zkey", DEVELOPMENT_BEACON, DEVELOPMENT_NAME)
    return publish(tools, sources, powers, last, folder, development=True)


def require_finished(transcript: Transcript, development: bool = False) -> None:
    """Keys are published when a beacon ended their ceremony and, unless they are for development, people took part."""
    parties = [part for part in transcript.contributions if part.beacon is None]
    if not transcript.contributions or transcript.contributions[-1].beacon is None:
        raise BadCeremony("the ceremony has no final beacon: finalise it before it is published")
    if not parties and not development:
        raise BadCeremony("nobody but a beacon contributed: such a key is for development only")


def _contributions(said: str) -> list[Contribution]:
    """snarkjs lists them from the last to the first."""
    starts = [found.start() for found in _PART.finditer(said)]
    listed = [_contribution(said[begin:end]) for begin, end in zip(starts, [*starts[1:], len(said)], strict=True)]
    return listed[::-1]


def _contribution(said: str) -> Contribution:
    name, digest = _found(_PART, said).groups()
    beacon = _BEACON.search(said)
    return Contribution(name, "".join(digest.split()), beacon[1] if beacon else None)


def _found(pattern: re.Pattern[str], said: str) -> re.Match[str]:
    found = pattern.search(re.sub(r"\[INFO\]\s+snarkJS: ", "", said))
    if found is None:
        raise BadCeremony(f"snarkjs said nothing like {pattern.pattern!r}: {said[-500:]}")
    return found


def _joined(found: re.Match[str]) -> str:
    return "".join(found[1].split())


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadCeremony(f"the name {name!r} must be 1 to 64 letters, digits, spaces or any of . @ + - _")


def main() -> None:
    settings = ReceiptSettings()
    parser = argparse.ArgumentParser(description="Makes the development key of the receipt circuit again.")
    parser.add_argument("--development", action="store_true", required=True)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(settings.keys_folder))
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as work:
        make_development_keys(find_tools(Path(settings.tools_folder)), CIRCUITS, folder, Path(work))


if __name__ == "__main__":
    main()
