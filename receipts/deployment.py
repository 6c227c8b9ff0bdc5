"""`deployment.json` in, the pins out: chain, contracts and circuit that everything else is checked against."""

import hashlib
import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from .canonical import encode, to_bytes

CONTRACTS = ("InferenceCoordinator", "ModelRegistry", "NodeProfileRegistry", "ReceiptVerifier")
DEVELOPMENT_CHAINS = frozenset({31337, 1337})
# Keys whose secret everybody knows, whatever a manifest or a deployment says of them.
DEVELOPMENT_DIGESTS = frozenset({"990399457c94113f5542b3c57dc22345bb178bcba5c1ed7ae841dc3b1ef37fbd"})


class BadDeployment(Exception):
    """A deployment file that is missing, malformed or not consistent with itself."""


class Contract(Struct, frozen=True):
    address: str
    abi: list[dict[str, Any]]


class Circuit(Struct, frozen=True):
    """The statement's circuit; `digest` is SHA-256 over the canonical JSON of its verifying key."""

    name: str
    digest: str
    verifier_version: int
    development: bool
    verifying_key: dict[str, Any]

    @property
    def is_development(self) -> bool:
        return self.development or self.digest.removeprefix("0x") in DEVELOPMENT_DIGESTS


class Deployment(Struct, frozen=True):
    """What was deployed where. `block` is the number of the first block that can hold our events."""

    chain_id: int
    block: int
    genesis_hash: str
    contracts: dict[str, Contract]
    circuit: Circuit

    def address(self, contract: str) -> bytes:
        return to_bytes(self.contracts[contract].address)

    @property
    def coordinator(self) -> bytes:
        return self.address("InferenceCoordinator")


def key_digest(verifying_key: dict[str, Any]) -> bytes:
    """What the contract and the deployment name a verifying key by."""
    return hashlib.sha256(encode(verifying_key)).digest()


def load(path: Path) -> Deployment:
    """Reads and checks a deployment file; every fault is a BadDeployment that says what to do."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadDeployment(f"{path}: no such file; deploy first, or name the right one") from None
    except OSError as fault:
        raise BadDeployment(f"{path}: {fault.strerror}; the deployment must be a readable file") from None
    return parse(data, str(path))


def parse(data: bytes, source: str = "deployment") -> Deployment:
    """Checks a deployment's JSON; `source` names it in errors."""
    try:
        deployment = msgspec.json.decode(data, type=Deployment)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise BadDeployment(f"{source}: {fault}; deploy again, or restore the file") from None
    faults = _faults(deployment)
    if faults:
        raise BadDeployment(f"{source}: {'; '.join(faults)}")
    return deployment


def write(deployment: Deployment, path: Path) -> None:
    """Writes the file whole or not at all."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(msgspec.json.format(encode(deployment), indent=1) + b"\n")
    unfinished.replace(path)


def _faults(deployment: Deployment) -> list[str]:
    faults = [
        f"contract {name!r} is missing; it must name {', '.join(CONTRACTS)}"
        for name in CONTRACTS
        if name not in deployment.contracts
    ]
    faults += [
        f"address {contract.address!r} of {name} is not 0x and 40 lower-case hex digits"
        for name, contract in deployment.contracts.items()
        if not re.fullmatch("0x[0-9a-f]{40}", contract.address)
    ]
    if deployment.chain_id <= 0 or deployment.block < 0:
        faults.append(f"chain_id {deployment.chain_id} and block {deployment.block} cannot be right")
    if not re.fullmatch("0x[0-9a-f]{64}", deployment.genesis_hash):
        faults.append(f"genesis_hash {deployment.genesis_hash!r} is not 0x and 64 lower-case hex digits")
    digest = "0x" + key_digest(deployment.circuit.verifying_key).hex()
    if deployment.circuit.digest != digest:
        faults.append(f"circuit digest {deployment.circuit.digest} is pinned, but the verifying key's is {digest}")
    if deployment.circuit.is_development and deployment.chain_id not in DEVELOPMENT_CHAINS:
        faults.append(
            f"the development key of circuit {deployment.circuit.name!r} may not be used on chain "
            f"{deployment.chain_id}: hold a ceremony and deploy with its key"
        )
    return faults
