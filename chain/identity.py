"""A node and what it should serve go in; nothing comes out, or WrongChain with what it serves instead."""

from msgspec import Struct

from chain.blocks import fetch_header
from chain.errors import WrongChain
from chain.jsonrpc import Rpc
from receipts.deployment import Deployment


class Pins(Struct, frozen=True):
    """Which chain is meant, and its first block that can hold anything of ours."""

    chain_id: int
    first_block: int
    genesis_hash: str | None = None

    @classmethod
    def of(cls, deployment: Deployment) -> "Pins":
        return cls(deployment.chain_id, deployment.block, deployment.genesis_hash)


async def check_identity(node: Rpc, pins: Pins) -> None:
    """Raises WrongChain when chain id or genesis block are others than pinned."""
    await node.check_chain_id()
    chain_id = await node.chain_id()
    if chain_id != pins.chain_id:
        raise WrongChain(
            f"{node.place} serves chain {chain_id}, the deployment is on chain {pins.chain_id}: "
            "name a node of that chain in rpc_url, or the deployment.json of this one"
        )
    if pins.genesis_hash is None:
        return
    genesis = await fetch_header(node, 0)
    if genesis.hash != pins.genesis_hash:
        raise WrongChain(
            f"{node.place} serves another chain of id {chain_id}: its first block is {genesis.hash}, the deployment "
            f"names {pins.genesis_hash}. A development chain that began anew needs a new deployment and data folder"
        )
