"""The API's two ports to the chain: orders leave through the relayer, the chain's own word comes in from the node."""

import time

from api.service.ports import BlockData, Books, ChainUnready, Order, OrderRefused
from chain.abi import signature_hash
from chain.contracts import Contracts
from chain.errors import ChainError, Distrusted, Fatal, Missing, Retryable
from chain.heads import latest
from chain.integrity import check_header, check_receipts, encode_header, encode_receipt
from chain.node import Call, Node
from chain.outgoing import TransactionReceipt
from chain.pricing import gas_price
from chain.relaying import Relayer
from chain.wire import WireBlock, WireReceipt, hex_of, octets, quantity
from receipts.deployment import Deployment

NOBODY = bytes(20)
USUAL_DEADLINE = 0


class RelayedOrders:
    """Implements `api.service.ports.Orders`: the relayer's signer pays and is the job's controller."""

    def __init__(self, relayer: Relayer, contracts: Contracts, deployment: Deployment, mined_timeout_s: float) -> None:
        self._relayer, self._coordinator = relayer, contracts.coordinator
        abi = deployment.contracts["InferenceCoordinator"].abi
        requested = next(each for each in abi if each["type"] == "event" and each["name"] == "InferenceRequested")
        self._requested = hex_of(signature_hash(requested))
        self._mined_timeout_s = mined_timeout_s

    async def place(self, order: Order) -> int:
        """The job's number, once its transaction is mined. Raises ChainUnready, OrderRefused."""
        reserved_until = int(time.time()) + order.reserved_s if order.worker else 0
        data = self._coordinator.data(
            "submitOrder", order.prompt_cid, order.model_id, order.max_tokens,
            USUAL_DEADLINE, NOBODY, order.worker or NOBODY, reserved_until,
        )  # fmt: skip
        try:
            await self._relayer.submit(order.key, self._coordinator.address, data, order.value)
            receipt = await self._relayer.mined(order.key, self._mined_timeout_s)
        except Retryable as fault:
            raise ChainUnready(str(fault)) from None
        except Fatal as fault:
            raise OrderRefused(str(fault)) from None
        return self._job_id(receipt)

    def _job_id(self, receipt: TransactionReceipt) -> int:
        for log in receipt.logs:
            if octets(log.address, 20) == self._coordinator.address and log.topics[0] == self._requested:
                return quantity(log.topics[1], 256)
        raise OrderRefused(f"transaction {hex_of(receipt.hash)} was mined, but the contract undid the order")


class NodeReader:
    """Implements `api.service.ports.ChainReader` over a node, whose blocks are checked before they are believed."""

    def __init__(self, node: Node, contracts: Contracts) -> None:
        self._node, self._contracts = node, contracts

    async def head(self) -> int:
        try:
            return (await latest(self._node)).number
        except ChainError as fault:
            raise ChainUnready(str(fault)) from None

    async def gas_price(self) -> int:
        try:
            return await gas_price(self._node)
        except ChainError as fault:
            raise ChainUnready(str(fault)) from None

    async def block(self, block_hash: bytes) -> BlockData:
        where = hex_of(block_hash)
        calls = [
            Call("eth_getBlockByHash", [where, True], WireBlock | None),
            Call("eth_getBlockReceipts", [where], list[WireReceipt] | None),
        ]
        try:
            block, receipts = await self._node.batch(calls)
            if block is None or receipts is None:
                raise Missing(f"{self._node.place} has no block {where}")
            if check_header(block) != block_hash:
                raise Distrusted(f"asked for block {where}, {self._node.place} answered with {block.hash}")
            check_receipts(block, receipts)
        except ChainError as fault:
            raise ChainUnready(str(fault)) from None
        encoded = tuple(encode_receipt(each) for each in receipts)
        return BlockData(quantity(block.number), block_hash, encode_header(block), encoded)

    async def books(self, block_hash: bytes) -> Books:
        """The contracts' figures after that block, in one round trip."""
        contracts, where = self._contracts, {"blockHash": hex_of(block_hash)}
        views = (contracts.coordinator.view("openEscrow"), contracts.coordinator.view("totalCredit"))
        balances = [
            Call("eth_getBalance", [hex_of(contract.address), where], str)
            for contract in (contracts.coordinator, contracts.nodes)
        ]
        try:
            escrow, credit = await contracts.read(*views, at=block_hash)
            (stakes,) = await contracts.read(contracts.nodes.view("totalStake"), at=block_hash)
            coordinator_balance, registry_balance = await self._node.batch(balances)
        except ChainError as fault:
            raise ChainUnready(str(fault)) from None
        return Books(
            int(escrow), int(credit), int(stakes), quantity(coordinator_balance, 256), quantity(registry_balance, 256)
        )
