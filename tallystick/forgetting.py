"""A development chain that was killed comes in; what is on record of blocks that it has forgotten is set aside.

Anvil saves its state now and then: killed in between, it forgets its newest blocks, which were final here. The chain is
right about itself, so ledger, explorer and journal begin anew from it; what they held is kept beside them.
"""

import time
from pathlib import Path

from chain.blocks import fetch_header
from chain.errors import Missing, WrongChain
from chain.identity import Pins, check_identity
from chain.node import Call, Node
from chain.wire import hex_of, octets
from domain.ledger import Position, Tip
from domain.settings import DomainSettings
from receipts.deployment import Deployment
from tallystick.onchain import open_ledger

LEDGER, EXPLORER, JOURNAL, DEPLOYMENT = "ledger.db", "explorer.duckdb", "worker.db", "deployment.json"
"""The files of a network's folder; databases keep more beside theirs, under names that begin alike."""


async def set_aside(folder: Path, node: Node, deployment: Deployment) -> str | None:
    """Moves away what the chain no longer stands by; a sentence for a person that says what and where, if anything."""
    if not await _is_deployed(node, deployment):
        return _move(folder, (LEDGER, EXPLORER, JOURNAL, DEPLOYMENT), "the chain began anew")
    final = _final(folder / LEDGER, deployment.chain_id)
    if final is None or await _hash_of(node, final.number) == final.hash:
        return None
    lost = f"the chain was killed before it saved its newest blocks, and lost some up to {final.number}"
    return _move(folder, (LEDGER, EXPLORER, JOURNAL), lost)


async def _is_deployed(node: Node, deployment: Deployment) -> bool:
    try:
        await check_identity(node, Pins.of(deployment))
    except (WrongChain, Missing):
        return False
    addresses = [hex_of(octets(contract.address, 20)) for contract in deployment.contracts.values()]
    codes = await node.batch([Call("eth_getCode", [address, "latest"], str) for address in addresses])
    return all(octets(code) for code in codes)


def _final(file: Path, chain_id: int) -> Position | None:
    """How far the ledger has read the chain for good."""
    if not file.exists():
        return None
    ledger = open_ledger(DomainSettings(ledger_url=f"sqlite:///{file}"))
    try:
        return Tip(ledger, chain_id).position()
    finally:
        ledger.close()


async def _hash_of(node: Node, number: int) -> bytes | None:
    try:
        return octets((await fetch_header(node, number)).hash, 32)
    except Missing:
        return None


def _move(folder: Path, names: tuple[str, ...], why: str) -> str:
    aside = folder / time.strftime("forgotten-%Y%m%d-%H%M%S")
    aside.mkdir(exist_ok=True)
    for file in [file for name in names for file in folder.glob(f"{name}*")]:
        file.rename(aside / file.name)
    return f"{why}; it is indexed anew as it stands, and what was on record is kept in {aside}"
