"""Keys in, signatures out: transactions (EIP-1559) and messages (EIP-191), for one chain. Keys are never shown."""

import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path

from eth_account import Account
from eth_account.hdaccount import key_from_seed, seed_from_mnemonic
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from msgspec import Struct

from chain.devnet import MNEMONIC
from chain.errors import Fatal
from chain.fees import Fees
from receipts.deployment import DEVELOPMENT_CHAINS as DEVELOPMENT_CHAINS

DEVELOPMENT_ACCOUNTS = 20


class BadKey(Fatal):
    """What was given is no private key, no keystore, or the password does not open it."""


class DevelopmentKeyRefused(Fatal):
    """Everybody knows the private keys of the development mnemonic: whatever they hold on a real chain is lost."""


class Unsigned(Struct, frozen=True):
    """The fields of an EIP-1559 transaction."""

    nonce: int
    to: bytes
    value: int
    data: bytes
    gas: int
    fees: Fees


class Signed(Struct, frozen=True):
    """What a node takes, and the hash by which it will be known."""

    raw: bytes
    hash: bytes


class Signer:
    """Signs for one address on one chain."""

    __slots__ = ("_account", "address", "chain_id")

    def __init__(self, private_key: bytes, chain_id: int) -> None:
        try:
            self._account: LocalAccount = Account.from_key(private_key)
        except Exception:
            raise BadKey("the private key is not valid: give 32 bytes below the order of secp256k1, as hex") from None
        self.address = bytes.fromhex(self._account.address[2:])
        self.chain_id = chain_id
        if chain_id not in DEVELOPMENT_CHAINS and private_key in development_keys():
            raise DevelopmentKeyRefused(
                f"{self} is a well-known development account, and chain {chain_id} is no development chain: "
                "create a key of your own with `tallystick wallet add`"
            )

    def __repr__(self) -> str:
        return f"0x{self.address.hex()}"

    def sign_transaction(self, transaction: Unsigned) -> Signed:
        signed = self._account.sign_transaction(
            {
                "type": 2,
                "chainId": self.chain_id,
                "nonce": transaction.nonce,
                "to": transaction.to,
                "value": transaction.value,
                "data": transaction.data,
                "gas": transaction.gas,
                "maxFeePerGas": transaction.fees.max_fee,
                "maxPriorityFeePerGas": transaction.fees.priority_fee,
            }
        )
        return Signed(bytes(signed.raw_transaction), bytes(signed.hash))

    def sign_message(self, message: bytes) -> bytes:
        """The 65 bytes r, s, v (27 or 28) over the message with EIP-191's personal prefix."""
        return bytes(self._account.sign_message(encode_defunct(message)).signature)


def from_hex(private_key: str, chain_id: int) -> Signer:
    """A signer from a private key as 64 hex digits, with or without 0x."""
    try:
        key = bytes.fromhex(private_key.strip().removeprefix("0x"))
    except ValueError:
        raise BadKey("the private key is not hex: give 64 hex digits") from None
    return Signer(key, chain_id)


def from_keystore(path: Path, password: str, chain_id: int) -> Signer:
    """A signer from an encrypted keystore file, as geth, eth-account and `write_keystore` make them."""
    try:
        keystore = json.loads(path.read_bytes())
    except OSError as fault:
        raise BadKey(f"keystore {path}: {fault.strerror or fault}: name a file that this user may read") from None
    except ValueError:
        raise BadKey(f"keystore {path} is not JSON: name an encrypted keystore file") from None
    return Signer(_decrypt(keystore, password, path), chain_id)


def from_development_mnemonic(index: int, chain_id: int) -> Signer:
    """One of the accounts that development chains endow."""
    if not 0 <= index < DEVELOPMENT_ACCOUNTS:
        raise BadKey(f"development account {index} does not exist: choose 0 to {DEVELOPMENT_ACCOUNTS - 1}")
    return Signer(development_keys()[index], chain_id)


@functools.cache
def development_keys() -> tuple[bytes, ...]:
    """The keys of the mnemonic that every development chain uses, derived at their first use."""
    seed = seed_from_mnemonic(MNEMONIC, "")
    return tuple(key_from_seed(seed, f"m/44'/60'/0'/0/{index}") for index in range(DEVELOPMENT_ACCOUNTS))


def write_keystore(private_key: bytes, password: str, path: Path) -> bytes:
    """Encrypts a key into a new file that only this user may read; the address. An existing file is left alone."""
    keystore = Account.encrypt(private_key, password)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as fault:
        raise BadKey(f"keystore {path}: {fault.strerror}: name a new file in an existing folder") from None
    with os.fdopen(handle, "w") as file:
        json.dump(keystore, file)
    return bytes.fromhex(keystore["address"].removeprefix("0x"))


def _decrypt(keystore: Mapping[str, object], password: str, path: Path) -> bytes:
    try:
        return bytes(Account.decrypt(dict(keystore), password))
    except ValueError as fault:
        if "MAC" in str(fault):
            raise BadKey(f"keystore {path}: the password does not open it") from None
        raise BadKey(f"keystore {path}: {fault}: name an encrypted keystore file, version 3") from None
    except (KeyError, TypeError, AttributeError):
        raise BadKey(f"keystore {path} lacks fields of a version 3 keystore: name an encrypted keystore file") from None
