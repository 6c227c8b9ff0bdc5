"""Bytes in, their Keccak-256 out: the hash of Ethereum's addresses, topics, headers and tries."""

from tiny_keccak import keccak256 as _keccak256


def keccak256(data: bytes) -> bytes:
    digest: bytes = _keccak256(data)
    return digest
