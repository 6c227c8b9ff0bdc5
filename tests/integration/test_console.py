"""`ape console`, as `make console` opens it: the deployed contracts, and the questions one asks first, are at hand."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.harness import COMMAND_S_MAX, own_environ
from tests.network import ROOT, Network

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

PROMPT_CID = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"


def said(network: Network, *lines: str, deployment: Path | None = None) -> str:
    """What the console prints for these lines; both streams, as a terminal shows them."""
    command = [str(Path(sys.executable).with_name("ape")), "console", "--network", network.url]
    environ = {"TALLYSTICK_DEPLOYMENT": str(deployment or network.deployment_file)}
    done = subprocess.run(
        command, input="\n".join([*lines, "exit()\n"]), cwd=ROOT, env=own_environ(environ),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=COMMAND_S_MAX, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


def test_contracts_jobs_and_books_are_at_hand(network: Network) -> None:
    worker = network.register_worker()
    job_id = network.order(PROMPT_CID, value=10**16)
    told = said(
        network,
        "print('coordinator', coordinator.address.lower())",
        "print('newest', [(each['job'], each['state'], each['prompt']) for each in jobs(5)])",
        "print('escrow', books()['open_escrow'], 'surplus', books()['surplus'])",
        f"print('unpaid', receipt({job_id}))",
        f"print('may claim', nodes.mayClaim('{worker.hex}'))",
        "print('owner', owner.address.lower(), len(workers))",
    )
    assert f"coordinator 0x{network.deployment.coordinator.hex()}" in told
    assert f"newest [({job_id}, 'open', '{PROMPT_CID}')]" in told
    assert "escrow 10000000000000000 surplus 0" in told
    assert "unpaid None" in told
    assert "may claim True" in told
    assert f"owner {network.owner.hex} 4" in told


def test_without_a_deployment_the_console_opens_and_says_what_is_missing(network: Network, tmp_path: Path) -> None:
    told = said(network, "print('chain', chain.chain_id)", deployment=tmp_path / "absent.json")
    assert "No contracts at hand: " in told
    assert "absent.json" in told
    assert "chain 31337" in told
