"""A network, terms and a circuit key come in; four wired contracts and deployment.json come out.

ape run deploy --network ethereum:local:foundry             a rehearsal on a chain that ends with the command
ape run deploy --network http://127.0.0.1:8545              on a development chain that runs
ape run deploy --network ethereum:sepolia:node --account me  elsewhere, with an account of `ape accounts`
"""

import os
import sys
from pathlib import Path
from typing import Any

import ape
import click
from ape.api import AccountAPI, ProviderAPI
from ape.cli import ConnectedProviderCommand
from ape.contracts import ContractInstance
from ape.exceptions import ApeException

from receipts.deployment import DEVELOPMENT_CHAINS, Circuit, Contract, Deployment, write
from receipts.keys import BadKeys, load_keys

ROOT = Path(__file__).resolve().parent.parent
KEYS = Path("contracts/circuits/keys/receipt")
# Ape asks PATH for the compiler and for anvil: this environment holds them even where it is not activated.
TOOLS = (Path(sys.executable).parent, ROOT / ".tools/node_modules/.bin")
os.environ["PATH"] = os.pathsep.join([*map(str, TOOLS), os.environ.get("PATH", os.defpath)])

Contracts = dict[str, ContractInstance]


@click.command(cls=ConnectedProviderCommand, short_help="Deploy the contracts and write deployment.json")
@click.option("--account", help="Alias from `ape accounts list`; a development chain takes its first account.")
@click.option(
    "--deployment",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="TALLYSTICK_DEPLOYMENT",
    default=Path("deployment.json"),
    show_default=True,
    help="The file to write.",
)
@click.option(
    "--keys",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=KEYS,
    show_default=True,
    help="Folder with the circuit's verifying key.",
)
@click.option("--lease-s", default=300, show_default=True, help="Seconds that a claim holds.")
@click.option("--receipt-window-s", default=600, show_default=True, help="Seconds from an answer to its proof.")
@click.option("--order-lifetime-s", default=86_400, show_default=True, help="Seconds from an order to its deadline.")
@click.option("--min-stake", default=10**16, show_default=True, help="Least stake of a node, in wei.")
@click.option("--unbonding-s", default=604_800, show_default=True, help="Seconds from leaving to taking the stake.")
@click.option("--price-prompt-token", default=2 * 10**12, show_default=True, help="New models' price, in wei.")
@click.option("--price-completion-token", default=2 * 10**13, show_default=True, help="New models' price, in wei.")
@click.option("--max-tokens", default=1024, show_default=True, help="Most completion tokens of a new model's jobs.")
@click.option("--model", "models", nargs=2, multiple=True, metavar="ID CID", help="Registers a model; repeatable.")
def cli(
    provider: ProviderAPI,
    account: str | None,
    deployment: Path,
    keys: Path,
    models: tuple[tuple[str, str], ...],
    **terms: int,
) -> None:
    """Deploys the contracts, wires them together, and writes what others must know of them."""
    circuit = read_circuit(keys, provider.chain_id)
    owner = require_private(choose_account(account, provider.chain_id), provider.chain_id)
    first_block = provider.get_block("latest").number + 1
    try:
        contracts = deploy(owner, terms)
        for model_id, model_cid in models:
            contracts["ModelRegistry"].registerModel(model_id, model_cid, model_id, "", sender=owner)
        described = describe(provider, contracts, circuit, first_block)
    except ApeException as fault:
        raise click.ClickException(f"chain {provider.chain_id} refused: {fault}") from fault
    deployment.parent.mkdir(parents=True, exist_ok=True)
    write(described, deployment)
    for name, contract in described.contracts.items():
        click.echo(f"{name:22}{contract.address}")
    click.echo(f"chain {described.chain_id}, first block {described.block}: {deployment}")


def read_circuit(folder: Path, chain_id: int) -> Circuit:
    """The circuit's pin, refused where a development key would let anyone forge receipts."""
    try:
        keys = load_keys(folder)
        keys.require_chain(chain_id)
    except BadKeys as fault:
        raise click.ClickException(str(fault)) from fault
    return Circuit(
        name=keys.manifest.circuit,
        digest="0x" + keys.digest.hex(),
        verifier_version=1,
        development=keys.manifest.development,
        verifying_key=keys.verifying_key_json,
    )


def choose_account(alias: str | None, chain_id: int) -> AccountAPI:
    """The owner to be: the account named, or on a development chain the first of its mnemonic."""
    if alias is not None:
        return load_account(alias)
    if chain_id not in DEVELOPMENT_CHAINS:
        raise click.UsageError(f"chain {chain_id} needs an owner: name one of `ape accounts list` with --account")
    return ape.accounts.test_accounts[0]


def require_private(owner: AccountAPI, chain_id: int) -> AccountAPI:
    """The owner itself, unless everybody knows its key and money is real."""
    known = {each.address for each in ape.accounts.test_accounts}
    if chain_id not in DEVELOPMENT_CHAINS and owner.address in known:
        raise click.ClickException(
            f"{owner.address} comes from the development mnemonic, which everybody knows, and chain {chain_id} is "
            "not a development chain: make an account with `ape accounts generate`"
        )
    return owner


def load_account(alias: str) -> AccountAPI:
    try:
        return ape.accounts.load(alias)
    except (KeyError, IndexError) as fault:
        raise click.ClickException(f"no account {alias!r}: see `ape accounts list`") from fault


def deploy(owner: AccountAPI, terms: dict[str, int]) -> Contracts:
    """The four contracts, each knowing those that it needs."""
    project = ape.project
    models = owner.deploy(
        project.ModelRegistry, terms["price_prompt_token"], terms["price_completion_token"], terms["max_tokens"]
    )
    nodes = owner.deploy(project.NodeProfileRegistry, terms["min_stake"], terms["unbonding_s"])
    verifier = owner.deploy(project.ReceiptVerifier)
    coordinator = owner.deploy(
        project.InferenceCoordinator,
        models,
        nodes,
        verifier,
        terms["lease_s"],
        terms["receipt_window_s"],
        terms["order_lifetime_s"],
    )
    nodes.setCoordinator(coordinator, sender=owner)
    return {
        "InferenceCoordinator": coordinator,
        "ModelRegistry": models,
        "NodeProfileRegistry": nodes,
        "ReceiptVerifier": verifier,
    }


def describe(provider: ProviderAPI, contracts: Contracts, circuit: Circuit, first_block: int) -> Deployment:
    """What was deployed, after asking the chain whether the verifier is the one of the key we pin."""
    on_chain = "0x" + bytes(contracts["ReceiptVerifier"].circuitDigest()).hex()
    if on_chain != circuit.digest:
        raise click.ClickException(
            f"ReceiptVerifier was generated for key {on_chain}, but the key's digest is {circuit.digest}: "
            "generate it again from the key"
        )
    return Deployment(
        chain_id=provider.chain_id,
        block=first_block,
        genesis_hash="0x" + bytes(provider.get_block(0).hash).hex(),
        contracts={
            name: Contract(address=instance.address.lower(), abi=abi(instance)) for name, instance in contracts.items()
        },
        circuit=circuit,
    )


def abi(instance: ContractInstance) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in instance.contract_type.abi]
