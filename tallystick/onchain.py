"""A node, a deployment and a wallet come in; contracts that can be read and called come out, and close behind you."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from msgspec import Struct

from chain.contracts import Contract, Contracts
from chain.identity import Pins, check_identity
from chain.node import Node
from chain.outgoing import TransactionReceipt
from chain.relaying import Relayer
from chain.settings import ChainSettings
from chain.signing import Signer
from domain.facts import AnyFact
from domain.ledger import Ledger
from domain.settings import DomainSettings
from receipts.deployment import Deployment


class TransactionFailed(Exception):
    """A transaction was mined and the contract undid it."""


class Reading(Struct, frozen=True):
    """Our contracts on a chain that was checked to be theirs."""

    node: Node
    contracts: Contracts
    deployment: Deployment


@asynccontextmanager
async def reading(settings: ChainSettings, deployment: Deployment) -> AsyncIterator[Reading]:
    """Raises WrongChain when the node does not serve the deployment's chain."""
    async with Node(settings) as node:
        await check_identity(node, Pins.of(deployment))
        yield Reading(node, Contracts(node, deployment), deployment)


def open_ledger(settings: DomainSettings, kinds: Any = AnyFact) -> Ledger:
    """The ledger of `kinds` by its settings; the folder of an SQLite file is made."""
    path = settings.ledger_url.removeprefix("sqlite:///")
    if path != settings.ledger_url:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    return Ledger(settings.ledger_url, kinds, busy_timeout_s=settings.busy_timeout_s)


class Sending:
    """Sends one person's transactions, each under a key of its own, and waits for its block."""

    def __init__(self, chain: Reading, relayer: Relayer) -> None:
        self.chain, self._relayer = chain, relayer

    @property
    def address(self) -> bytes:
        return self._relayer.signer.address

    async def call(self, contract: Contract, function: str, *arguments: object, value: int = 0) -> TransactionReceipt:
        """Raises Reverted (nothing was sent) or TransactionFailed."""
        return await self.send(contract.address, contract.data(function, *arguments), value)

    async def send(self, to: bytes, data: bytes, value: int) -> TransactionReceipt:
        key = f"person:{uuid4().hex}"
        await self._relayer.submit(key, to, data, value)
        receipt = await self._relayer.mined(key)
        if not receipt.succeeded:
            raise TransactionFailed(f"transaction 0x{receipt.hash.hex()} was mined, but the contract undid it")
        return receipt


@asynccontextmanager
async def sending(
    chain: Reading, signer: Signer, domain: DomainSettings, kinds: Any = AnyFact
) -> AsyncIterator[Sending]:
    """A relayer for `signer` over its ledger of `kinds`, for as long as the block lasts."""
    ledger = open_ledger(domain, kinds)
    try:
        async with Relayer(chain.node, ledger, signer) as relayer:
            yield Sending(chain, relayer)
    finally:
        ledger.close()
