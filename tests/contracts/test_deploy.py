"""What `ape run deploy` refuses, and what it leaves behind for everybody else."""

from pathlib import Path

import ape
import click
import pytest
from ape.api import AccountAPI
from ape.contracts import ContractInstance

from receipts.deployment import parse, write
from scripts.deploy import KEYS, ROOT, choose_account, describe, read_circuit, require_private

DEVELOPMENT, ELSEWHERE = 31337, 11155111


def test_the_development_key_is_refused_where_money_is_real() -> None:
    assert read_circuit(ROOT / KEYS, DEVELOPMENT).development
    with pytest.raises(click.ClickException, match=r"chain 11155111.*ceremony"):
        read_circuit(ROOT / KEYS, ELSEWHERE)


def test_keys_that_are_not_there_are_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=r"manifest\.json"):
        read_circuit(tmp_path, DEVELOPMENT)


def test_a_development_chain_gets_its_first_account_as_owner(owner: AccountAPI) -> None:
    assert choose_account(None, DEVELOPMENT) == owner


def test_elsewhere_an_owner_must_be_named() -> None:
    with pytest.raises(click.UsageError, match="--account"):
        choose_account(None, ELSEWHERE)


def test_an_account_that_everybody_knows_is_refused_where_money_is_real(stranger: AccountAPI) -> None:
    assert require_private(stranger, DEVELOPMENT) == stranger
    with pytest.raises(click.ClickException, match="development mnemonic"):
        require_private(stranger, ELSEWHERE)


def test_an_unknown_account_is_named() -> None:
    with pytest.raises(click.ClickException, match="no account 'nobody'"):
        choose_account("nobody", DEVELOPMENT)


def test_what_was_deployed_is_pinned_whole(contracts: dict[str, ContractInstance], tmp_path: Path) -> None:
    described = describe(ape.chain.provider, contracts, read_circuit(ROOT / KEYS, DEVELOPMENT), first_block=1)
    write(described, tmp_path / "deployment.json")
    read = parse((tmp_path / "deployment.json").read_bytes())
    assert read == described
    assert {name: contract.address for name, contract in read.contracts.items()} == {
        name: contract.address.lower() for name, contract in contracts.items()
    }


def test_a_verifier_of_another_key_is_refused(contracts: dict[str, ContractInstance]) -> None:
    circuit = read_circuit(ROOT / KEYS, DEVELOPMENT)
    other = type(circuit)(circuit.name, "0x" + "00" * 32, 1, True, circuit.verifying_key)
    with pytest.raises(click.ClickException, match="generate it again"):
        describe(ape.chain.provider, contracts, other, first_block=1)
