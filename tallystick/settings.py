"""Flags, environment and one TOML file come in; each room's own settings struct goes out, checked."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_origin

import msgspec

PREFIX = "TALLYSTICK_"
DEFAULT_FILE = "tallystick.toml"
PLACES = ("api_url", "deployment")
"""Settings of no room, which say what network is meant: lines above the first section, `TALLYSTICK_API_URL`."""

Room = TypeVar("Room")


class BadSettings(Exception):
    """A setting is unknown, misspelt or out of range; the message names it and where it came from."""


class Sources(msgspec.Struct, frozen=True):
    """The layers a setting may come from: the parsed file (sections by room) and the environment."""

    file: Mapping[str, Mapping[str, Any]]
    environ: Mapping[str, str]
    file_name: str = DEFAULT_FILE
    places: Mapping[str, str] = {}

    def room(self, kind: type[Room], room: str, **flags: object) -> Room:
        """The settings of `room` as its struct: flags that are not None win, then the environment, then the file."""
        fields = {field.name for field in msgspec.structs.fields(kind)}  # type: ignore[arg-type]
        filed = self.file.get(room, {})
        for name in filed:
            if name not in fields:
                raise BadSettings(f"{self.file_name}: [{room}] has no setting {name!r}{_suggest(name, fields)}")
        layered = {**filed, **self._from_environ(kind, room, fields)}
        layered |= {name: value for name, value in flags.items() if value is not None}
        try:
            return msgspec.convert(layered, kind, strict=False, dec_hook=_to_path)
        except (msgspec.ValidationError, ValueError) as fault:
            raise BadSettings(f"settings of {room}: {fault}") from None

    def _from_environ(self, kind: type, room: str, fields: set[str]) -> dict[str, Any]:
        prefix, others = f"{PREFIX}{room.upper()}_", {f"{PREFIX}{name.upper()}" for name in PLACES}
        found = {
            name.removeprefix(prefix).lower(): value
            for name, value in self.environ.items()
            if name.startswith(prefix) and name not in others
        }
        for name in found:
            if name not in fields:
                raise BadSettings(f"{prefix}{name.upper()}: {room} has no such setting{_suggest(name, fields)}")
        lists = {field.name for field in msgspec.structs.fields(kind) if get_origin(field.type) in (tuple, list)}
        return {
            name: _from_json(f"{prefix}{name.upper()}", value) if name in lists else value
            for name, value in found.items()
        }


def read_sources(path: Path | None, environ: Mapping[str, str], rooms: frozenset[str]) -> Sources:
    """Reads the TOML file at `path`, else `tallystick.toml` here if there is one. Raises BadSettings."""
    file = path or Path(DEFAULT_FILE)
    if path is None and not file.exists():
        return Sources({}, environ)
    try:
        parsed = tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise BadSettings(f"{file}: no such settings file; leave --config out to use the defaults") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise BadSettings(f"{file}: not TOML: {fault}") from None
    places = {name: parsed.pop(name) for name in PLACES if name in parsed}
    for name, place in places.items():
        if not isinstance(place, str):
            raise BadSettings(f"{file}: {name} is {place!r}: write it as text, in quotes")
    for name, section in parsed.items():
        if name not in rooms or not isinstance(section, dict):
            raise BadSettings(
                f"{file}: no section [{name}]{_suggest(name, rooms)}; there are {', '.join(sorted(rooms))}"
            )
    return Sources(parsed, environ, str(file), places)


def _from_json(variable: str, value: str) -> Any:
    """Settings that are lists are written as JSON in the environment."""
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError as fault:
        raise BadSettings(f"{variable}: {value!r} is no JSON list: {fault}") from None


def _to_path(kind: type, value: object) -> Path:
    """Settings that are paths are written as text."""
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise ValueError(f"{value!r} is no {kind.__name__}")


def _suggest(name: str, known: set[str] | frozenset[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f". Did you mean {close[0]!r}?" if close else f"; it has {', '.join(sorted(known))}"
