"""What a search answers with, and in which order: hits come in by kind, the best of all go out."""

from collections.abc import Iterable
from typing import Literal, get_args

from msgspec import Struct

HitKind = Literal["job", "block", "transaction", "receipt", "node", "account", "model"]
Match = Literal["exact", "prefix", "part"]
HitField = Literal[
    "job_id", "number", "hash", "prompt_cid", "response_cid", "receipt_cid", "model_cid", "address", "model_id", "name"
]

EACH_MAX = 5  # hits of one kind, by one of its fields

_KINDS: tuple[HitKind, ...] = get_args(HitKind)
_MATCHES: tuple[Match, ...] = get_args(Match)


class Hit(Struct, frozen=True):
    """One thing that the text may name: `id` names it in its list, `text` is what matched, whole."""

    kind: HitKind
    id: str
    field: HitField
    text: str
    match: Match
    detail: str
    is_final: bool


def match_of(asked: str, text: str) -> Match:
    if asked == text:
        return "exact"
    return "prefix" if text.startswith(asked) else "part"


def ranked(hits: Iterable[Hit], limit: int) -> tuple[Hit, ...]:
    """What matches whole comes first, then by kind; within a kind the order stays. The same thing is told once."""
    once: dict[tuple[str, str], Hit] = {}
    for hit in sorted(hits, key=lambda hit: (_MATCHES.index(hit.match), _KINDS.index(hit.kind))):
        once.setdefault((hit.kind, hit.id), hit)
    return tuple(once.values())[:limit]
