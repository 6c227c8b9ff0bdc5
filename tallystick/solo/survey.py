"""A node and what is to be indexed come in; what the node says of itself and of the contracts comes out, or why not."""

import asyncio

from msgspec import Struct

from chain.blocks import fetch_header
from chain.node import Call, Node
from chain.wire import quantity
from tallystick.solo.subject import BadSubject, Subject

NO_CODE = ("0x", "")


class Ground(Struct, frozen=True):
    """What the index is built on."""

    chain_id: int
    genesis_hash: str
    head: int


async def survey(node: Node, subject: Subject) -> Ground:
    """Two round trips. Raises BadSubject for a contract that is none, or a beginning that is not there yet."""
    await node.check_chain_id()
    speakers = [each for each in subject.contracts if each.events]
    codes = [Call("eth_getCode", ["0x" + each.address.hex(), "latest"], str) for each in speakers]
    calls = [Call("eth_chainId", [], str), Call("eth_blockNumber", [], str), *codes]
    (chain_id, head, *found), genesis = await asyncio.gather(node.batch(calls), fetch_header(node, 0))
    ground = Ground(quantity(chain_id), genesis.hash, quantity(head))
    for contract, code in zip(speakers, found, strict=True):
        if code in NO_CODE:
            raise BadSubject(
                f"0x{contract.address.hex()} has no code on chain {ground.chain_id} ({node.place}): correct it, "
                "or name a node of its chain as --rpc"
            )
    if subject.first > ground.head:
        raise BadSubject(
            f"--from {subject.first} is beyond the head of {node.place}, block {ground.head}: begin at a block that is"
        )
    return ground
