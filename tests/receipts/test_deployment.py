"""A deployment file is taken whole and consistent, or refused with what is wrong in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from receipts.deployment import CONTRACTS, BadDeployment, Deployment, key_digest, load, parse, write

KEY = {"protocol": "groth16", "curve": "bn128", "nPublic": 4}


def written(**changes: Any) -> dict[str, Any]:
    contracts = {name: {"address": "0x" + f"{at:02x}" * 20, "abi": []} for at, name in enumerate(CONTRACTS, 1)}
    circuit = {
        "name": "receipt",
        "digest": "0x" + key_digest(KEY).hex(),
        "verifier_version": 1,
        "development": True,
        "verifying_key": KEY,
    }
    return {
        "chain_id": 31337,
        "block": 4,
        "genesis_hash": "0x" + "ab" * 32,
        "contracts": contracts,
        "circuit": circuit,
        **changes,
    }


def parsed(**changes: Any) -> Deployment:
    return parse(msgspec.json.encode(written(**changes)))


def test_a_deployment_that_was_written_is_loaded_again(tmp_path: Path) -> None:
    deployment = parsed()
    write(deployment, tmp_path / "deployment.json")
    assert load(tmp_path / "deployment.json") == deployment
    assert deployment.coordinator == bytes([1]) * 20


def test_the_key_digest_does_not_depend_on_the_order_of_the_fields() -> None:
    assert key_digest(KEY) == key_digest(dict(reversed(KEY.items())))


def test_a_missing_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadDeployment, match=r"none\.json: no such file; deploy first"):
        load(tmp_path / "none.json")
    with pytest.raises(BadDeployment, match="must be a readable file"):
        load(tmp_path)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"chain_id": "one"}', b"[" * 5000])
def test_bytes_that_are_no_deployment_are_refused(data: bytes) -> None:
    with pytest.raises(BadDeployment, match="deploy again, or restore"):
        parse(data, "deployment.json")


def without_verifier(fields: dict[str, Any]) -> None:
    del fields["contracts"]["ReceiptVerifier"]


def short_address(fields: dict[str, Any]) -> None:
    fields["contracts"]["ModelRegistry"]["address"] = "0x12"


def other_key(fields: dict[str, Any]) -> None:
    fields["circuit"]["verifying_key"] = {**KEY, "nPublic": 5}


def public_chain(fields: dict[str, Any]) -> None:
    fields["chain_id"] = 1


def bad_genesis(fields: dict[str, Any]) -> None:
    fields["genesis_hash"] = "0xAB"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (without_verifier, "'ReceiptVerifier' is missing"),
        (short_address, "'0x12' of ModelRegistry"),
        (other_key, "verifying key's is"),
        (public_chain, "may not be used on chain 1: hold a ceremony"),
        (bad_genesis, "genesis_hash '0xAB'"),
    ],
)
def test_each_fault_is_named(change: Callable[[dict[str, Any]], None], complaint: str) -> None:
    fields = written()
    change(fields)
    with pytest.raises(BadDeployment, match=complaint):
        parse(msgspec.json.encode(fields))
