"""A function's entry in an ABI goes in; how to encode a call of it and to read its answer comes out."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from chain.errors import BadArguments, Garbled
from receipts.keccak import keccak256

Parameter = Mapping[str, Any]


class Function(Struct, frozen=True):
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[Parameter, ...]
    selector: bytes

    def call_data(self, *arguments: Any) -> bytes:
        from eth_abi.abi import encode  # slow to import: who only reads events does without
        from eth_abi.exceptions import EncodingError

        try:
            return self.selector + encode(self.inputs, arguments)
        except (EncodingError, ValueError, TypeError, OverflowError) as fault:
            raise BadArguments(f"{self.name}({', '.join(self.inputs)}) with {arguments!r}: {fault}") from None

    def result(self, data: bytes) -> Any:
        """The one value returned, or the tuple of them; a struct as a dict with names in our spelling."""
        from eth_abi.abi import decode
        from eth_abi.exceptions import DecodingError

        try:
            values = decode([_raw_type(each) for each in self.outputs], data)
        except (DecodingError, OverflowError) as fault:
            raise Garbled(f"{self.name}: 0x{data.hex()[:80]} is not what it returns: {fault}") from None
        read = tuple([_value(each, value) for each, value in zip(self.outputs, values, strict=True)])
        return read[0] if len(read) == 1 else read


def functions(abi: Sequence[Parameter]) -> dict[str, Function]:
    return {each["name"]: _function(each) for each in abi if each.get("type") == "function"}


def canonical(parameter: Parameter) -> str:
    """The type as signatures spell it: a struct as the tuple of its members."""
    kind = str(parameter["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(canonical(each) for each in parameter['components'])}){kind[5:]}"


def signature_hash(entry: Parameter) -> bytes:
    """What a function's selector begins and an event's first topic is."""
    return keccak256(f"{entry['name']}({','.join(canonical(each) for each in entry['inputs'])})".encode())


def snake_case(name: str) -> str:
    """`promptCID` to `prompt_cid`, `maxCPUPercent` to `max_cpu_percent`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def text(data: bytes) -> str:
    """A contract's string, which may hold any bytes: those that are not UTF-8 stay visible as `\\xff`."""
    return str(data, "utf-8", "backslashreplace")


def _function(entry: Parameter) -> Function:
    inputs = tuple([canonical(each) for each in entry["inputs"]])
    return Function(entry["name"], inputs, tuple(entry["outputs"]), signature_hash(entry)[:4])


def _raw_type(parameter: Parameter) -> str:
    """The type to decode as: strings as bytes, so that no text can make it fail."""
    return re.sub(r"\bstring\b", "bytes", canonical(parameter))


def _value(parameter: Parameter, value: Any) -> Any:
    kind = str(parameter["type"])
    if kind.endswith("]"):
        element = {**parameter, "type": kind[: kind.rindex("[")]}
        return [_value(element, each) for each in value]
    if kind == "tuple":
        members = zip(parameter["components"], value, strict=True)
        return {snake_case(each["name"]): _value(each, inner) for each, inner in members}
    if kind == "string":
        return text(value)
    return bytes.fromhex(value[2:]) if kind == "address" else value
