"""The coordinator's event is read from a receipt as the chain encodes it, and from nothing else."""

from typing import Any

import pytest
from eth_abi.abi import encode as abi_encode

from receipts import rlp
from receipts.settlement import TOPIC, BadReceipt, Log, is_accepted, logs_of, read_accepted

COORDINATOR, WORKER = bytes([9]) * 20, bytes([7]) * 20
VALUES: tuple[Any, ...] = ("QmPrompt", "QmResponse", "smollm2", "QmModel" * 6, 2**200, 300, 5, 2**250, 1)
TYPES = ["string"] * 4 + ["uint256"] * 5


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def event(**changes: Any) -> Log:
    fields = {
        "address": COORDINATOR,
        "topics": (TOPIC, word(5), bytes(12) + WORKER, word(77)),
        "data": abi_encode(TYPES, VALUES),
    }
    return Log(**{**fields, **changes})


def receipt(logs: list[Log], kind: bytes = b"\x02", status: bytes = b"\x01", bloom: bytes = bytes(256)) -> bytes:
    encoded: list[rlp.Encodable] = [[log.address, log.topics, log.data] for log in logs]
    return kind + rlp.encode([status, b"\x52\x08", bloom, encoded])


def test_the_event_is_read_as_the_abi_encodes_it() -> None:
    accepted = read_accepted(event())
    assert (accepted.job_id, accepted.worker, accepted.job_key) == (5, WORKER, 77)
    assert (accepted.prompt_cid, accepted.response_cid, accepted.model_id, accepted.model_cid) == VALUES[:4]
    assert (accepted.terms, accepted.amount, accepted.refund) == VALUES[4:7]
    assert (accepted.commitment, accepted.verifier_version) == VALUES[7:]


@pytest.mark.parametrize("kind", [b"", b"\x01", b"\x02", b"\x03", b"\x04"])
def test_receipts_of_every_known_type_give_their_logs(kind: bytes) -> None:
    assert logs_of(receipt([event(), event()], kind)) == (event(), event())


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x02",
        receipt([event()], b"\x05"),
        receipt([event()], b"\x00"),
        receipt([event()], status=b""),
        receipt([event()], status=bytes(32)),
        receipt([event()], bloom=bytes(255)),
        receipt([event()]) + b"\x00",
        receipt([event(address=bytes(19))]),
        receipt([event(topics=(bytes(31),))]),
        receipt([event(topics=(bytes(32),) * 5)]),
        b"\x02" + rlp.encode([b"\x01", b"\x00\x01", bytes(256), []]),
        b"\x02" + rlp.encode([b"\x01", b"\x01", bytes(256), [[COORDINATOR, b"", b""]]]),
        b"\x02" + rlp.encode([b"\x01", b"\x01", bytes(256), b""]),
        b"\x02" + rlp.encode([b"\x01", b"\x01", bytes(256)]),
    ],
)
def test_bytes_that_are_no_receipt_of_success_are_refused(encoded: bytes) -> None:
    with pytest.raises((BadReceipt, rlp.BadRlp)):
        logs_of(encoded)


def test_only_the_job_s_own_event_of_the_coordinator_settles_it() -> None:
    assert is_accepted(event(), COORDINATOR, 5)
    assert not is_accepted(event(), COORDINATOR, 6)
    assert not is_accepted(event(), WORKER, 5)
    assert not is_accepted(event(topics=(word(1), word(5))), COORDINATOR, 5)
    assert not is_accepted(event(topics=()), COORDINATOR, 5)


DATA = event().data


@pytest.mark.parametrize(
    "log",
    [
        event(topics=(TOPIC, word(5), bytes(12) + WORKER)),
        event(topics=(word(1), word(5), bytes(12) + WORKER, word(77))),
        event(topics=(TOPIC, word(5), b"\x01" + bytes(11) + WORKER, word(77))),
        event(data=b""),
        event(data=DATA[:-32]),
        event(data=DATA + bytes(32)),
        event(data=DATA[:-1] + b"\x01"),
        event(data=b"\xff" * 32 + DATA[32:]),
        event(data=DATA[32:64] + DATA[32:]),
        event(data=abi_encode(["bytes", *TYPES[1:]], [b"\xff", *VALUES[1:]])),
    ],
)
def test_an_event_that_is_another_or_is_encoded_otherwise_is_refused(log: Log) -> None:
    with pytest.raises(ValueError, match=r"event|address|ends before|utf-8"):
        read_accepted(log)
