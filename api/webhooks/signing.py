"""Secrets and what they sign, as standardwebhooks.com has it; at rest each is encrypted with this server's key."""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from Crypto.Cipher import AES

from api.service.refusals import Unready

PREFIX = "whsec_"
SECRET_BYTES = 32
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16


class KeyUnusable(Unready):
    """The key that encrypts the secrets of webhooks cannot be used."""

    remedy = "Name the right file in [api] webhook_key_file, readable by its owner alone, or rotate the secret."


def new_secret() -> str:
    """What both sides know; it is shown once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of what is delivered, with its id and time."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def headers(known: list[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Signed with every secret that is known: while one is rotated, two are."""
    return {
        "content-type": "application/json",
        "user-agent": "tallystick-webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, message_id, timestamp, body) for secret in known),
    }


class Vault:
    """Encrypts with the key in a file, which is made when it is first needed. `name` binds a text to its owner."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def seal(self, text: str, name: str) -> bytes:
        """Raises KeyUnusable."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        cipher = AES.new(self._key(make=True), AES.MODE_GCM, nonce=nonce)
        cipher.update(name.encode())
        sealed, tag = cipher.encrypt_and_digest(text.encode())
        return nonce + tag + sealed

    def open(self, sealed: bytes, name: str) -> str:
        """Raises KeyUnusable."""
        nonce, tag, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:][:TAG_BYTES], sealed[NONCE_BYTES + TAG_BYTES :]
        cipher = AES.new(self._key(make=False), AES.MODE_GCM, nonce=nonce)
        cipher.update(name.encode())
        try:
            return cipher.decrypt_and_verify(rest, tag).decode()
        except ValueError:
            raise KeyUnusable(f"{self._file} does not hold the key that {name}'s secret was encrypted with") from None

    def _key(self, make: bool) -> bytes:
        try:
            if make and not self._file.exists():
                self._make()
            if self._file.stat().st_mode & 0o077:
                raise KeyUnusable(f"{self._file} can be read by others: chmod 600 {self._file}")
            key = bytes.fromhex(self._file.read_text().strip())
        except (OSError, ValueError, binascii.Error) as fault:
            raise KeyUnusable(f"{self._file}: {fault}") from None
        if len(key) != KEY_BYTES:
            raise KeyUnusable(f"{self._file} holds {len(key)} bytes, not {KEY_BYTES} in hex")
        return key

    def _make(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w") as opened:
            opened.write(secrets.token_hex(KEY_BYTES) + "\n")
