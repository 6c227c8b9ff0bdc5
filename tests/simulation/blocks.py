"""Transactions with their logs go in; the block as a node would tell it comes out, with true roots and blooms."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from receipts import rlp
from receipts.keccak import keccak256
from receipts.trie import trie_root
from tests.simulation.logs import Log

GAS_PRICE = 10**9
TRANSFER_GAS = 21_000
FORK_FIELDS = (
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
)
LATER_VALUES: dict[str, bytes] = dict(
    zip(FORK_FIELDS, (b"\x07", b"\x0e" * 32, b"", b"\x02", b"\x0b" * 32, b"\x0c" * 32), strict=True)
)
HASHES = frozenset({"withdrawalsRoot", "parentBeaconBlockRoot", "requestsHash"})

Json = dict[str, Any]


class Transaction(Struct, frozen=True):
    """What somebody wants done; `action` names a rule of the coordinator, None for a stranger's business."""

    hash: bytes
    sender: bytes
    recipient: bytes
    value: int = 0
    action: str | None = None
    arguments: tuple[Any, ...] = ()


class Outcome(Struct, frozen=True):
    """A transaction in its block."""

    transaction: Transaction
    logs: tuple[Log, ...]
    succeeded: bool
    kind: int = 2

    @property
    def gas_used(self) -> int:
        return TRANSFER_GAS + 1_000 * len(self.logs) + len(self.transaction.arguments)


class Sealed(Struct, frozen=True, eq=False):
    """A block: `header` with full transactions, and its receipts, as their JSON says them."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    outcomes: tuple[Outcome, ...]
    header: Json
    receipts: tuple[Json, ...]


def seal(
    number: int, parent: bytes, timestamp: int, outcomes: Sequence[Outcome], salt: int, fork_fields: int
) -> Sealed:
    """`salt` tells siblings apart; `fork_fields` is how many of the later header fields the chain has."""
    gas = [each.gas_used for each in outcomes]
    totals = [sum(gas[: i + 1]) for i in range(len(gas))]
    blooms = [bloom(each.logs) for each in outcomes]
    entries = [
        (rlp.encode(rlp.integer_bytes(i)), _encoded(each, totals[i], blooms[i])) for i, each in enumerate(outcomes)
    ]
    later = {name: LATER_VALUES[name] for name in FORK_FIELDS[:fork_fields]}
    fields = {
        "parentHash": parent,
        "sha3Uncles": b"\x1d" * 32,
        "miner": salt.to_bytes(20, "big"),
        "stateRoot": keccak256(parent + salt.to_bytes(8, "big")),
        "transactionsRoot": keccak256(b"".join(each.transaction.hash for each in outcomes)),
        "receiptsRoot": trie_root(entries),
        "logsBloom": _or(blooms),
        "difficulty": b"",
        "number": rlp.integer_bytes(number),
        "gasLimit": rlp.integer_bytes(30_000_000),
        "gasUsed": rlp.integer_bytes(totals[-1] if totals else 0),
        "timestamp": rlp.integer_bytes(timestamp),
        "extraData": b"simulated",
        "mixHash": bytes(32),
        "nonce": bytes(8),
        **later,
    }
    digest = keccak256(rlp.encode(list(fields.values())))
    place = {"blockHash": _hex(digest), "blockNumber": hex(number)}
    header = {
        "hash": place["blockHash"],
        **{name: _shown(name, value) for name, value in fields.items()},
        "size": "0x220",
        "uncles": [],
        "transactions": [_transaction(each.transaction, i, place) for i, each in enumerate(outcomes)],
    }
    receipts: list[Json] = []
    for i, each in enumerate(outcomes):
        first_log = sum(len(before.logs) for before in outcomes[:i])
        receipts.append(_receipt(each, i, first_log, totals[i], blooms[i], place))
    return Sealed(number, digest, parent, timestamp, tuple(outcomes), header, tuple(receipts))


def bloom(logs: Iterable[Log]) -> bytes:
    bits = 0
    for log in logs:
        for word in (log.address, *log.topics):
            digest = keccak256(word)
            for i in (0, 2, 4):
                bits |= 1 << (int.from_bytes(digest[i : i + 2], "big") & 2047)
    return bits.to_bytes(256, "big")


def encoded(told: object) -> bytes:
    return msgspec.json.encode(told)


def _or(blooms: Sequence[bytes]) -> bytes:
    bits = 0
    for each in blooms:
        bits |= int.from_bytes(each, "big")
    return bits.to_bytes(256, "big")


def _encoded(outcome: Outcome, gas_total: int, logs_bloom: bytes) -> bytes:
    logs: list[rlp.Encodable] = [[log.address, list(log.topics), log.data] for log in outcome.logs]
    status = b"\x01" if outcome.succeeded else b""
    return bytes([outcome.kind] * bool(outcome.kind)) + rlp.encode(
        [status, rlp.integer_bytes(gas_total), logs_bloom, logs]
    )


def _transaction(transaction: Transaction, index: int, place: Json) -> Json:
    return {
        "hash": _hex(transaction.hash),
        "from": _hex(transaction.sender),
        "to": _hex(transaction.recipient),
        "value": hex(transaction.value),
        "transactionIndex": hex(index),
        **place,
    }


def _receipt(outcome: Outcome, index: int, first_log: int, gas_total: int, logs_bloom: bytes, place: Json) -> Json:
    told = outcome.transaction
    of = {"transactionHash": _hex(told.hash), "transactionIndex": hex(index), **place}
    logs = [
        {
            "address": _hex(log.address),
            "topics": [_hex(topic) for topic in log.topics],
            "data": _hex(log.data),
            "logIndex": hex(first_log + i),
            "removed": False,
            **of,
        }
        for i, log in enumerate(outcome.logs)
    ]
    return {
        "type": hex(outcome.kind),
        "status": hex(outcome.succeeded),
        "cumulativeGasUsed": hex(gas_total),
        "logsBloom": _hex(logs_bloom),
        "logs": logs,
        "gasUsed": hex(outcome.gas_used),
        "effectiveGasPrice": hex(GAS_PRICE),
        "from": _hex(told.sender),
        "to": _hex(told.recipient),
        **of,
    }


def _shown(name: str, value: bytes) -> str:
    """Hashes and data as they are, numbers without leading zeros."""
    is_number = name in ("difficulty", "number", "gasLimit", "gasUsed", "timestamp") or (
        name in FORK_FIELDS and name not in HASHES
    )
    return hex(int.from_bytes(value, "big")) if is_number else _hex(value)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
