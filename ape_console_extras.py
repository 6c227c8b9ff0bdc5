"""deployment.json comes in; the deployed contracts and the questions one asks first are at hand in `ape console`.

coordinator, models, nodes, verifier    the contracts
jobs(5), job(3), receipt(3), books()    the newest jobs, one job, its proven receipt, the money
owner, controller, workers              the accounts of a development chain; `accounts` has them all
"""

import os
from pathlib import Path
from typing import Any

import click
from ape.api import TestAccountAPI
from ape.contracts import ContractInstance
from ape.managers.accounts import AccountManager
from ape.managers.chain import ChainManager
from ape.types import ContractLog
from ethpm_types import ContractType

from receipts.deployment import DEVELOPMENT_CHAINS, BadDeployment, Deployment, load

STATES = ("unknown", "open", "claimed", "answered", "settled", "cancelled", "expired")


def ape_init_extras(chain: ChainManager, accounts: AccountManager) -> dict[str, Any]:
    """What the console knows beside Ape's own names; only a notice if there is no deployment for its chain."""
    path = Path(os.environ.get("TALLYSTICK_DEPLOYMENT", "deployment.json"))
    try:
        deployment = load(path)
    except BadDeployment as fault:
        click.echo(f"No contracts at hand: {fault}", err=True)
        return {}
    if deployment.chain_id != chain.chain_id:
        click.echo(
            f"No contracts at hand: {path} is of chain {deployment.chain_id}, this is chain {chain.chain_id}; "
            "name the right node with --network, or the right file in TALLYSTICK_DEPLOYMENT",
            err=True,
        )
        return {}
    development = accounts.test_accounts if deployment.chain_id in DEVELOPMENT_CHAINS else ()
    return {**contracts(deployment, chain), **people(list(development))}


def contracts(deployment: Deployment, chain: ChainManager) -> dict[str, Any]:
    """The four contracts by short names, and the questions to them."""
    found = {
        name: chain.contracts.instance_at(
            pinned.address, contract_type=ContractType.model_validate({"contractName": name, "abi": pinned.abi})
        )
        for name, pinned in deployment.contracts.items()
    }
    coordinator = found["InferenceCoordinator"]
    return {
        "deployment": deployment,
        "coordinator": coordinator,
        "models": found["ModelRegistry"],
        "nodes": found["NodeProfileRegistry"],
        "verifier": found["ReceiptVerifier"],
        **questions(coordinator, deployment.block, chain),
    }


def questions(coordinator: ContractInstance, first_block: int, chain: ChainManager) -> dict[str, Any]:
    def job(job_id: int) -> Any:
        """Everything the coordinator knows of a job."""
        return coordinator.jobOf(job_id)

    def jobs(count: int = 10) -> list[dict[str, Any]]:
        """The newest jobs, newest first."""
        newest = coordinator.jobCount()
        return [summary(number, job(number)) for number in range(newest, max(newest - count, 0), -1)]

    def books() -> dict[str, int]:
        """Wei: what is held for open jobs, what is owed, what is there, and what is there beyond both."""
        escrow, credit, balance = coordinator.openEscrow(), coordinator.totalCredit(), coordinator.balance
        return {"open_escrow": escrow, "credit": credit, "balance": balance, "surplus": balance - escrow - credit}

    def receipt(job_id: int) -> ContractLog | None:
        """The event with which the coordinator accepted a job's receipt, if it did."""
        accepted = coordinator.ReceiptAccepted.range(
            first_block, chain.blocks.height + 1, search_topics={"jobId": job_id}
        )
        return next(iter(accepted), None)

    return {"job": job, "jobs": jobs, "books": books, "receipt": receipt}


def summary(job_id: int, job: Any) -> dict[str, Any]:
    return {
        "job": job_id,
        "state": STATES[job.status],
        "model": job.modelId,
        "prompt": job.promptCID,
        "worker": job.worker,
        "escrow": job.escrow,
    }


def people(development: list[TestAccountAPI]) -> dict[str, Any]:
    """Who is who among a development chain's accounts."""
    if not development:
        return {}
    owner, controller, *workers = development[:6]
    return {"owner": owner, "controller": controller, "workers": workers}
