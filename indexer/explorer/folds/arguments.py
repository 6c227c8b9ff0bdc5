"""A fact of the chain as the log it was: the event's name and its arguments by the names of the ABI."""

from collections.abc import Callable
from typing import Any, get_args

from msgspec.structs import fields

from domain.facts import ChainFact, JobCompleted, JobRequested, LogUnreadable, Wei

from .moment import hexed

RENAMED: dict[type, str] = {JobRequested: "InferenceRequested", JobCompleted: "InferenceCompleted"}
"""Facts that bear another name than their event."""

ACRONYMS = {"cid": "CID", "ram": "RAM", "vram": "VRAM", "cpu": "CPU"}


def abi_name(field: str) -> str:
    """`max_cpu_percent` is `maxCPUPercent` in the ABI."""
    first, *rest = field.split("_")
    return first + "".join(ACRONYMS.get(word, word.capitalize()) for word in rest)


def name_of(fact: ChainFact) -> str:
    if isinstance(fact, LogUnreadable):
        return fact.event
    return RENAMED.get(type(fact)) or type(fact).__name__


def arguments(fact: ChainFact) -> dict[str, Any]:
    """Amounts as decimal text, since JSON's readers lose digits of large numbers, and bytes as `0x` text."""
    return {name: show(getattr(fact, field)) for field, name, show in _FIELDS[type(fact)]}


def _as_is(value: Any) -> Any:
    return value


_SHOWN: dict[Any, Callable[[Any], Any]] = {
    bytes: hexed,
    Wei: str,
    tuple[bytes, ...]: lambda many: [hexed(raw) for raw in many],
}
_FIELDS = {
    kind: tuple((field.name, abi_name(field.name), _SHOWN.get(field.type, _as_is)) for field in fields(kind))
    for kind in get_args(ChainFact)
}
