"""A fact of the chain as the log it was: the event's name and its arguments, as JSON by the names of the ABI.

Amounts are decimal text, since JSON's readers lose digits of large numbers, and bytes are `0x` text. A log is worth
less than a microsecond here, so each kind of fact gets one expression of its own, made from its fields.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, get_args

import msgspec
from msgspec.structs import fields

from domain.facts import ChainFact, JobCompleted, JobRequested, LogUnreadable, Wei

from .moment import address, holder

RENAMED: dict[type, str] = {JobRequested: "InferenceRequested", JobCompleted: "InferenceCompleted"}
"""Facts that bear another name than their event."""

ACRONYMS = {"cid": "CID", "ram": "RAM", "vram": "VRAM", "cpu": "CPU"}
SUBJECTS = ("account", "node", "worker", "controller")
TEXTS_KEPT = 1 << 12

_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def abi_name(field: str) -> str:
    """`max_cpu_percent` is `maxCPUPercent` in the ABI."""
    first, *rest = field.split("_")
    return first + "".join(ACRONYMS.get(word, word.capitalize()) for word in rest)


def name_of(fact: ChainFact) -> str:
    if isinstance(fact, LogUnreadable):
        return fact.event
    return NAMES[type(fact)]


def arguments(fact: ChainFact) -> str:
    """The arguments as a JSON object, its names in alphabetical order."""
    return _ARGUMENTS[type(fact)](fact)


def fact_of(name: str, args: str) -> ChainFact:
    """The fact again, from its event's name and arguments. Not for logs that could not be read."""
    kind, given = _KINDS[name], msgspec.json.decode(args)
    taken: ChainFact = kind(**{field.name: _TAKEN[field.type](given[abi_name(field.name)]) for field in fields(kind)})
    return taken


def subject(fact: ChainFact) -> str | None:
    """Whose doing or fate a fact tells, if it is anyone's."""
    name = _SUBJECTS[type(fact)]
    return holder(getattr(fact, name)) if name else None


def quoted(text: str) -> str:
    """JSON text. A CID needs no escapes and is seldom seen again; what may need some, like a model's name, is."""
    return f'"{text}"' if text.isalnum() and text.isascii() else _escaped(text)


@lru_cache(TEXTS_KEPT)
def _escaped(text: str) -> str:
    return _encode(text).decode()


def many(raws: tuple[bytes, ...]) -> str:
    return _encode([address(raw) for raw in raws]).decode()


_SHOWN: dict[Any, tuple[str, str]] = {
    int: ("%d", "fact.{0}"),
    Wei: ('"%d"', "fact.{0}"),
    bytes: ('"0x%s"', "fact.{0}.hex()"),
    str: ("%s", "quoted(fact.{0})"),
    bool: ("%s", "'true' if fact.{0} else 'false'"),
    tuple[bytes, ...]: ("%s", "many(fact.{0})"),
}
"""How a field of each type is shown: its place in the text, and the expression that goes there."""


_TAKEN: dict[Any, Callable[[Any], Any]] = {
    int: int,
    Wei: lambda text: Wei(int(text)),
    bytes: lambda text: bytes.fromhex(text[2:]),
    str: str,
    bool: bool,
}
"""How it is read again."""


def _arguments_of(kind: type) -> Callable[[Any], str]:
    shown = sorted((abi_name(field.name), field.name, *_SHOWN[field.type]) for field in fields(kind))
    text = "{" + ",".join(f'"{name}":{place}' for name, _, place, _ in shown) + "}"
    values = ", ".join(expression.format(field) for _, field, _, expression in shown)
    made: Callable[[Any], str] = eval(f"lambda fact: {text!r} % ({values},)", {"quoted": quoted, "many": many})
    return made


NAMES: dict[type, str] = {kind: RENAMED.get(kind, kind.__name__) for kind in get_args(ChainFact)}
_ARGUMENTS: dict[type, Callable[[Any], str]] = {kind: _arguments_of(kind) for kind in get_args(ChainFact)}
_SUBJECTS: dict[type, str | None] = {
    kind: next((name for name in SUBJECTS if name in kind.__struct_fields__), None) for kind in get_args(ChainFact)
}
_KINDS = {name: kind for kind, name in NAMES.items() if kind is not LogUnreadable}
