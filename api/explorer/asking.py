"""What is asked of a list: the query of a request comes in, a filter, an order and the rest of the question go out.

This is the one grammar of all lists: pages, exports and whoever else takes their parameters read them here.
"""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from api.explorer.forms import FORMS, BadParameter, number_form, shortened, value_of, values_of, word_of
from api.explorer.parameters import BLOCK, block_named
from api.service.refusals import Invalid
from api.service.suggesting import did_you_mean
from indexer.explorer.filters import Where
from indexer.explorer.lists import Form, Listing
from indexer.explorer.ordering import Order

CURSOR_LENGTH_MAX = 1024
LIMIT_MAX = 1000
LIMIT = number_form(LIMIT_MAX, least=1)
OF_A_PAGE = ("limit", "cursor", "count")
OF_A_LIST = ("sort", "as_of")


class UnknownParameter(Invalid):
    """The route takes no parameter of this name."""


class Asked(Struct, frozen=True):
    """A question to a list. `as_of` is a block's number or hash; `related` is what is wanted beside the rows."""

    order: Order
    where: Where
    sort: str
    limit: int | None = None
    cursor: str | None = None
    as_of: int | str | None = None
    is_counted: bool = False
    related: tuple[str, ...] = ()


class ItemAsked(Struct, frozen=True):
    """A question for one thing."""

    as_of: int | str | None = None
    related: tuple[str, ...] = ()


PLAIN = ItemAsked()


def read_query(query: bytes) -> dict[str, str]:
    """Names and values of a query string, each name once. Raises BadParameter."""
    given: dict[str, str] = {}
    for part in filter(None, query.split(b"&")):
        name, _, value = part.partition(b"=")
        key = _text("a parameter's name", name)
        if key in given:
            raise BadParameter(
                f"{shortened(key)!r} is given twice",
                "Give it once; where several values are taken, they have commas between them.",
            )
        given[key] = _text(shortened(key), value)
    return given


def check_names(given: Iterable[str], known: Sequence[str]) -> None:
    """Raises UnknownParameter."""
    for name in given:
        if name not in known:
            taken = f"This route takes {', '.join(sorted(known))}." if known else "This route takes none."
            raise UnknownParameter(f"there is no parameter {shortened(name)!r} here", did_you_mean(name, known, taken))


def names_of(listing: Listing, related: Iterable[str] = ()) -> tuple[str, ...]:
    """Every parameter of a list."""
    return (*listing.narrowings, *OF_A_LIST, *OF_A_PAGE, *(("include",) if related else ()))


def asked_of(listing: Listing, given: Mapping[str, str], related: tuple[str, ...] = ()) -> Asked:
    """Raises BadParameter, UnknownParameter."""
    check_names(given, names_of(listing, related))
    sort = word_of("sort", given["sort"], tuple(listing.orders)) if "sort" in given else next(iter(listing.orders))
    return Asked(
        listing.orders[sort],
        filter_of(listing, given),
        sort,
        limit_of(given),
        cursor_of(given),
        as_of(given),
        "count" in given and bool(value_of("count", given["count"], FORMS[Form.FLAG])),
        related_of(given, related),
    )


def item_asked_of(given: Mapping[str, str], related: tuple[str, ...] = ()) -> ItemAsked:
    """Raises BadParameter, UnknownParameter."""
    if not given:
        return PLAIN
    check_names(given, ("as_of", *(("include",) if related else ())))
    return ItemAsked(as_of(given), related_of(given, related))


def filter_of(listing: Listing, given: Mapping[str, str]) -> Where:
    """Raises BadParameter."""
    named = [(listing.narrowings[name], given[name]) for name in sorted(given) if name in listing.narrowings]
    return tuple(each for narrowing, text in named for each in narrowing.conditions(values_of(narrowing, text)))


def limit_of(given: Mapping[str, str]) -> int | None:
    return int(value_of("limit", given["limit"], LIMIT)) if "limit" in given else None


def cursor_of(given: Mapping[str, str]) -> str | None:
    cursor = given.get("cursor")
    if cursor is not None and len(cursor) > CURSOR_LENGTH_MAX:
        raise BadParameter(f"cursor has {len(cursor)} characters, none of ours has more than {CURSOR_LENGTH_MAX}")
    return cursor


def as_of(given: Mapping[str, str]) -> int | str | None:
    text = given.get("as_of")
    if text is None:
        return None
    if not BLOCK.fullmatch(text):
        raise BadParameter(
            f"as_of is {shortened(text)!r}: a block is named by its number or by its hash, 0x and 64 hex digits"
        )
    return block_named(text)


def related_of(given: Mapping[str, str], known: tuple[str, ...]) -> tuple[str, ...]:
    text = given.get("include")
    return () if text is None else tuple(dict.fromkeys(word_of("include", each, known) for each in text.split(",")))


def _text(name: str, value: bytes) -> str:
    try:
        text = unquote_to_bytes(value.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise BadParameter(
            f"{name} is not UTF-8: {value[:64]!r}", "Percent-encode the UTF-8 bytes of the text."
        ) from None
    if "\0" in text:
        raise BadParameter(f"{name} holds a NUL, which no text of ours does")
    return text
