"""A data folder and what is to be indexed come in; nothing comes out, or why the folder can not hold it.

`index.json` says what a folder was begun for. It is written when the folder is made and never changed.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from tallystick.solo.subject import Subject

VERSION = 1
FILE = "index.json"


class OtherFolder(Exception):
    """The folder holds another index; the message names each difference."""


class Pins(Struct, frozen=True, kw_only=True):
    """What must stay the same as long as the folder lives."""

    version: int
    chain_id: int
    genesis_hash: str
    projection: str
    first: int
    contracts: tuple[str, ...]


def pins_of(subject: Subject, chain_id: int, genesis_hash: str) -> Pins:
    return Pins(
        version=VERSION,
        chain_id=chain_id,
        genesis_hash=genesis_hash,
        projection=subject.projection,
        first=subject.first,
        contracts=tuple(sorted("0x" + contract.address.hex() for contract in subject.contracts)),
    )


def check_folder(folder: Path, wanted: Pins) -> None:
    """Raises OtherFolder and changes nothing, or leaves a folder that says what it is for."""
    file = folder / FILE
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Pins)
    except FileNotFoundError:
        _begin(folder, wanted)
        return
    except msgspec.MsgspecError as fault:
        raise OtherFolder(f"{file}: {fault}; it is not one of this version's: choose another --data folder") from None
    differences = [
        f"{name} {_shown(getattr(found, name))}, not {_shown(getattr(wanted, name))}"
        for name in Pins.__struct_fields__
        if getattr(found, name) != getattr(wanted, name)
    ]
    if differences:
        raise OtherFolder(
            f"{folder} holds another index: {'; '.join(differences)}. Choose another --data folder, or ask for the same"
        )


def _begin(folder: Path, wanted: Pins) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OtherFolder(f"{folder} is not empty and has no {FILE}: choose an empty or a new --data folder")
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{FILE}.part"
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(wanted), indent=1) + b"\n")
    unfinished.replace(folder / FILE)


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
