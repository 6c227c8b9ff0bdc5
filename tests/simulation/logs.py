"""Facts go in, the logs that the contracts would emit come out: topics and data by the ABI of the deployment.

Written apart from `chain.decoding`, so that a slip there does not meet its twin here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from domain.facts import ChainFact
from receipts.deployment import Deployment, load
from receipts.keccak import keccak256

SAMPLE = Path(__file__).parents[1] / "receipts" / "sample" / "deployment.json"
WORD = 32
EVENT_NAMES = {"JobRequested": "InferenceRequested", "JobCompleted": "InferenceCompleted"}
FIELD_NAMES = {"max_ram": "maxRAM", "max_vram": "maxVRAM", "max_cpu_percent": "maxCPUPercent"}


class Log(Struct, frozen=True):
    """What a contract says: the fact stands beside its encoding, for the oracle."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    fact: ChainFact | None = None


class Scribe:
    """Writes facts as logs of the deployment's contracts."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._events = {
            (name, entry["name"]): entry["inputs"]
            for name, contract in deployment.contracts.items()
            for entry in contract.abi
            if entry["type"] == "event"
        }
        self._topics = {key: _topic(key[1], inputs) for key, inputs in self._events.items()}

    def write(self, contract: str, fact: ChainFact) -> Log:
        event = EVENT_NAMES.get(type(fact).__name__, type(fact).__name__)
        topics, head, tail = [self._topics[contract, event]], b"", b""
        inputs = self._events[contract, event]
        head_size = WORD * sum(not each["indexed"] for each in inputs)
        for each in inputs:
            value = _value(fact, each["name"])
            if each["indexed"]:
                topics.append(_word(value))
            elif each["type"] == "string":
                head += _word(head_size + len(tail))
                tail += _dynamic(value.encode())
            else:
                head += _word(value)
        return Log(self.deployment.address(contract), tuple(topics), head + tail, fact)


def sample_deployment() -> Deployment:
    return load(SAMPLE)


def _topic(event: str, inputs: list[dict[str, Any]]) -> bytes:
    return keccak256(f"{event}({','.join(each['type'] for each in inputs)})".encode())


def _value(fact: ChainFact, name: str) -> Any:
    if name == "modelKey":
        return keccak256(fact.model_id.encode())  # type: ignore[union-attr]
    return _fields(type(fact))[name](fact)


def _fields(kind: type, known: dict[type, dict[str, Callable[[Any], Any]]] = {}) -> dict[str, Callable[[Any], Any]]:  # noqa: B006
    if kind not in known:
        known[kind] = {_abi_name(each): _getter(each) for each in kind.__struct_fields__}  # type: ignore[attr-defined]
    return known[kind]


def _getter(field: str) -> Callable[[Any], Any]:
    return lambda fact: getattr(fact, field)


def _abi_name(field: str) -> str:
    first, *rest = field.split("_")
    return FIELD_NAMES.get(field) or first + "".join("CID" if each == "cid" else each.title() for each in rest)


def _word(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value.rjust(WORD, b"\0")
    return int(value).to_bytes(WORD, "big")


def _dynamic(data: bytes) -> bytes:
    padded = -(-len(data) // WORD) * WORD
    return len(data).to_bytes(WORD, "big") + data.ljust(padded, b"\0")
