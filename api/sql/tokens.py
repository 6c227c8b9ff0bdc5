"""Who may attach the SQL door: tokens are made, listed and revoked; only their SHA-256 sums are kept."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from pathlib import Path

import msgspec
from msgspec import Struct

PREFIX = "tally_sql_"
SECRET_BYTES = 24
ID_CHARS = 8


class TokenError(Exception):
    """A token can not be made, found or read."""


class Kept(Struct, frozen=True):
    """What is on record of a token: never the token."""

    name: str
    sha256: str
    created_at: datetime

    @property
    def id(self) -> str:
        return self.sha256[:ID_CHARS]


def hash_of(token: str) -> str:
    """Tokens are random: no salt or slow hash makes them harder to guess."""
    return hashlib.sha256(token.encode()).hexdigest()


def create(path: Path, name: str) -> str:
    """A new token, which nobody can tell again. Raises TokenError if the name is taken."""
    token = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    with _changing(path) as kept:
        if any(each.name == name for each in kept):
            raise TokenError(f"there is a token {name!r} already: choose another name, or revoke that one first")
        kept.append(Kept(name, hash_of(token), datetime.now(UTC)))
    return token


def revoke(path: Path, name_or_id: str) -> Kept:
    """Raises TokenError if there is none of that name or id."""
    with _changing(path) as kept:
        found = next((each for each in kept if name_or_id in (each.name, each.id)), None)
        if found is None:
            known = ", ".join(each.name for each in kept) or "none"
            raise TokenError(f"there is no token {name_or_id!r}; there are: {known}")
        kept.remove(found)
    return found


def read(path: Path) -> list[Kept]:
    """Raises TokenError for a file that is none of ours."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Kept])
    except FileNotFoundError:
        return []
    except msgspec.MsgspecError as fault:
        raise TokenError(f"{path} is no list of tokens ({fault}): move it away and make new ones") from fault


def hashes(path: Path) -> list[str]:
    """Of all tokens that count now; of a file that can not be read none."""
    try:
        return [each.sha256 for each in read(path)]
    except TokenError:
        return []


@contextmanager
def _changing(path: Path) -> Iterator[list[Kept]]:
    """The list, written back when the block ends; one process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        kept = read(path)
        yield kept
        fresh = path.with_name(path.name + ".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")
        os.replace(fresh, path)
