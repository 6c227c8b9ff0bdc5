"""What a transaction will cost, asked of the node before anything is signed: what can not work leaves no trace."""

from msgspec import Struct

from chain import fees
from chain.errors import Fatal, Refused, Retryable, Reverted
from chain.fees import Fees
from chain.node import Call, Node
from chain.signing import Unsigned
from chain.wire import Header, hex_of, quantity

TRANSACTION_BYTES_MAX = 127 * 1024  # nodes refuse to relay more than 128 KiB
GWEI = 10**9


class NotEnoughFunds(Fatal):
    """The address does not hold what the transaction may cost."""


class TooLarge(Fatal):
    """The transaction has more bytes or more gas than the network takes."""


class TooDear(Retryable):
    """Gas costs more at this time than the settings allow to offer."""


class Order(Struct, frozen=True):
    """What somebody wants to be done on chain, under a key that says for what. `gas` None asks the node."""

    key: str
    to: bytes
    data: bytes = b""
    value: int = 0
    gas: int | None = None


async def price(node: Node, sender: bytes, order: Order, max_fee_cap: int, gas_margin_percent: int) -> Unsigned:
    """The order with gas and fees, its nonce still open. Raises Reverted, NotEnoughFunds, TooLarge or TooDear."""
    if len(order.data) > TRANSACTION_BYTES_MAX:
        raise TooLarge(f"{order.key}: {len(order.data)} bytes are over {TRANSACTION_BYTES_MAX}: split the batch")
    calls = [
        Call("eth_getBlockByNumber", ("latest", False), Header),
        Call("eth_maxPriorityFeePerGas", (), str),
        Call("eth_getBalance", (hex_of(sender), "pending"), str),
    ]
    if order.gas is None:
        calls.append(Call("eth_estimateGas", (_call_object(sender, order), "pending"), str))
    head, priority_fee, balance, *estimate = await node.answers(calls)
    for answer in (head, priority_fee, balance, *estimate):
        if isinstance(answer, Exception):
            raise _explained(order.key, answer)
    gas = order.gas or quantity(estimate[0]) * (100 + gas_margin_percent) // 100
    offer = capped(order.key, market(head, priority_fee), quantity(head.base_fee_per_gas or "0x0", 256), max_fee_cap)
    _check_gas(order, gas, quantity(head.gas_limit))
    _check_funds(sender, order, gas * offer.max_fee, quantity(balance, 256))
    return Unsigned(0, order.to, order.value, order.data, gas, offer)


async def gas_price(node: Node) -> int:
    """Wei per gas that a transaction costs now, as the node sees it."""
    return quantity(await node.call("eth_gasPrice", kind=str), 256)


def market(head: Header, priority_fee: str) -> Fees:
    return fees.quote(quantity(head.base_fee_per_gas or "0x0", 256), quantity(priority_fee, 256))


def capped(key: str, offer: Fees, base_fee: int, max_fee_cap: int) -> Fees:
    """The offer within the cap. Raises TooDear when the cap would not even pay the base fee of now."""
    if base_fee + offer.priority_fee > max_fee_cap:
        raise TooDear(
            f"{key}: gas costs {(base_fee + offer.priority_fee) / GWEI:.2f} gwei now, max_fee_cap_gwei allows "
            f"{max_fee_cap / GWEI:.2f}: wait, or raise it"
        )
    return Fees(min(offer.max_fee, max_fee_cap), offer.priority_fee)


def _check_gas(order: Order, gas: int, block_limit: int) -> None:
    if gas > block_limit:
        raise TooLarge(f"{order.key}: {gas} gas are over the {block_limit} of a block: split the batch")


def _check_funds(sender: bytes, order: Order, fee: int, balance: int) -> None:
    if order.value + fee > balance:
        raise NotEnoughFunds(
            f"{hex_of(sender)} holds {balance} wei, {order.key} may cost {order.value + fee}: "
            f"send it {order.value + fee - balance} wei more"
        )


def _explained(key: str, fault: Exception) -> Exception:
    """Names the key: who reads the message did not see the call."""
    if isinstance(fault, Reverted):
        return Reverted(f"{key}: the contract refuses: {fault.error or fault}", fault.error, fault.data)
    if isinstance(fault, Refused) and "insufficient funds" in str(fault).lower():
        return NotEnoughFunds(f"{key}: {fault}: send the address more ether")
    return fault


def _call_object(sender: bytes, order: Order) -> dict[str, str]:
    return {"from": hex_of(sender), "to": hex_of(order.to), "data": hex_of(order.data), "value": hex(order.value)}
