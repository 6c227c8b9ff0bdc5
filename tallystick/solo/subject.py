"""Addresses and ABI files as a person gave them come in; what is to be indexed comes out, or what is wrong."""

from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from receipts.deployment import Deployment
from receipts.keccak import keccak256

Projection = Literal["events", "explorer"]
ADDRESS_BYTES = 20
COORDINATOR_EVENT = "InferenceRequested"

Abi = list[dict[str, Any]]


class BadSubject(Exception):
    """A contract, its ABI, or where to begin is not what can be indexed; the message says which and what to do."""


class Contract(Struct, frozen=True):
    """Whose events, and how they are encoded."""

    address: bytes
    abi: Abi

    @property
    def events(self) -> Abi:
        return [entry for entry in self.abi if entry.get("type") == "event"]

    @property
    def digest(self) -> str:
        """Changes with whatever changes how its logs are read."""
        return keccak256(msgspec.json.encode(self.events, order="deterministic")).hex()[:16]


class Subject(Struct, frozen=True):
    """What is to be indexed: the events of these contracts from block `first` on, in the tables of a projection."""

    contracts: tuple[Contract, ...]
    first: int
    projection: Projection
    chain_id: int | None = None
    genesis_hash: str | None = None

    @property
    def coordinator(self) -> str:
        """The address of the contract that orders are placed with, "" where there is none."""
        for contract in self.contracts:
            if any(event["name"] == COORDINATOR_EVENT for event in contract.events):
                return "0x" + contract.address.hex()
        return ""


def of_deployment(deployment: Deployment, first: int | None, projection: Projection | None) -> Subject:
    """Our own contracts, as they were deployed."""
    contracts = tuple(Contract(deployment.address(name), each.abi) for name, each in deployment.contracts.items())
    return Subject(
        contracts,
        deployment.block if first is None else first,
        projection or "explorer",
        deployment.chain_id,
        deployment.genesis_hash,
    )


def of_pairs(
    addresses: tuple[str, ...], abis: tuple[Path, ...], first: int | None, projection: Projection | None
) -> Subject:
    """Each contract with the ABI at the same place; one ABI alone is that of all."""
    if len(abis) == 1:
        abis = abis * len(addresses)
    if len(abis) != len(addresses):
        raise BadSubject(
            f"{len(addresses)} contracts and {len(abis)} ABIs: give one --abi for all, or one behind each --contract"
        )
    contracts = tuple(
        Contract(read_address(address), read_abi(abi)) for address, abi in zip(addresses, abis, strict=True)
    )
    if len({contract.address for contract in contracts}) < len(contracts):
        raise BadSubject("a contract is named twice: name each --contract once")
    subject = Subject(contracts, first or 0, projection or "events")
    if subject.projection == "explorer" and not subject.coordinator:
        raise BadSubject(
            f"projection 'explorer' is for Tallystick's own contracts, and no ABI given has the event "
            f"{COORDINATOR_EVENT}: leave --projection out for any other contract"
        )
    return subject


def read_address(text: str) -> bytes:
    try:
        address = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        address = b""
    if len(address) != ADDRESS_BYTES:
        raise BadSubject(f"{text!r} is no address: give 0x and 40 hex digits")
    return address


def read_abi(path: Path) -> Abi:
    """The ABI in a file: a bare list, or the `abi` of a compiler's artifact."""
    try:
        found = msgspec.json.decode(path.read_bytes())
    except OSError as fault:
        raise BadSubject(f"ABI {path}: {fault.strerror}; name the JSON file that the compiler wrote") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise BadSubject(f"ABI {path}: {fault}; it must be JSON, as the compiler wrote it") from None
    entries = found.get("abi") if isinstance(found, dict) else found
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadSubject(f'ABI {path}: neither a list of entries nor an object with one under "abi"')
    events = [entry for entry in entries if entry.get("type") == "event"]
    if not events:
        raise BadSubject(f"ABI {path} has no events: there would be nothing to index")
    for event in events:
        _check_event(path, event)
    return entries


class _Parameter(Struct):
    """What must be said of an event's argument, or of a member of one that is a tuple."""

    name: str
    type: str
    indexed: bool = False
    components: list["_Parameter"] = []


class _Event(Struct):
    name: str
    inputs: list[_Parameter]


def _check_event(path: Path, event: dict[str, Any]) -> None:
    try:
        msgspec.convert(event, _Event)
    except msgspec.ValidationError as fault:
        raise BadSubject(f"ABI {path}: event {event.get('name')!r}: {fault}") from None
