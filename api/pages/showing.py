"""Values of the index go in, text and small pieces of HTML come out: how times, amounts and names look on pages."""

import time
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from markupsafe import Markup

from api.pages.checksum import checksummed
from api.rendering import iso_of_ms, iso_of_s
from domain.amounts import in_unit

HEX_SHOWN = (6, 4)
CLIPPED_FROM = 24
CID_SHOWN = (6, 4)
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
KEPT_CONTROLS = frozenset("\n\t")
MIB = 1 << 20
TOKENS_PRICED = 1_000
AGO = " ago"
SINCE = Markup('<span class="ago">{}</span>').format(AGO)
"""Narrow lists leave it out: their heads say what the time is of."""
AMOUNT = Markup('<data class="amount" value="{}" title="{} wei">{}{}&nbsp;<span class="unit">{}</span></data>')


def plain(text: str) -> str:
    """Text of strangers with what would hide or reorder it made visible: control and direction characters."""
    return "".join(_visible(character) for character in text.replace("\r\n", "\n"))


def short(text: str) -> str:
    """`0x1234…abcd`: enough to tell two apart at a glance."""
    prefix = "0x" if text.startswith("0x") else ""
    head, tail = HEX_SHOWN if prefix else CID_SHOWN
    digits = text[len(prefix) :]
    return text if len(digits) <= head + tail + 1 else f"{prefix}{digits[:head]}…{digits[-tail:]}"


def clipped(text: str) -> str:
    """A value among many others: what is long is shortened in the middle."""
    return short(text) if len(text) > CLIPPED_FROM and " " not in text else text


def address(text: str) -> str:
    return checksummed(text)


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:,}"


def count(many: int, what: str) -> str:
    return f"{many:,} {what}" + ("" if many == 1 else "s")


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %".replace(".0 %", " %")


def rate(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def amount(wei: int | str | None, sign: str = "") -> Markup:
    """In the unit that people think in; the exact figure is its value and its title."""
    if wei is None:
        return Markup("–")
    digits, unit = in_unit(int(wei)) if int(wei) else ("0", "eth")
    shown = unit.upper() if unit == "eth" else unit
    return AMOUNT.format(wei, f"{int(wei):,}", sign, digits, shown)


def price(wei: int) -> Markup:
    """A price per token as the price of a thousand, which people can grasp."""
    return amount(wei * TOKENS_PRICED)


def age_of(seconds: float) -> str:
    """How long ago; the script on the page keeps it true by the same rule."""
    if seconds < 0:
        return "in " + lasting(-seconds)
    return "just now" if seconds < 1 else lasting(seconds) + AGO


def lasting(seconds: float) -> str:
    if seconds < 2 * MINUTE_S:
        return f"{int(seconds)} s"
    if seconds < 2 * HOUR_S:
        return f"{int(seconds // MINUTE_S)} min"
    if seconds < 2 * DAY_S:
        return f"{int(seconds // HOUR_S)} h"
    return f"{int(seconds // DAY_S)} d"


def took(seconds: float | None) -> str:
    """A span that was measured."""
    if seconds is None:
        return "–"
    if 0 < seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s".replace(".0 s", " s") if seconds < 2 * MINUTE_S else lasting(seconds)


def ago(unix_s: float | None) -> Markup:
    """A time as its age, the moment itself in the title."""
    if unix_s is None:
        return Markup("–")
    age = age_of(time.time() - unix_s)
    since = age.removesuffix(AGO)
    return _time(iso_of_s(int(unix_s)), Markup.escape(since) + (SINCE if since != age else ""), "ago")


def ago_ms(unix_ms: int | None) -> Markup:
    return ago(None if unix_ms is None else unix_ms / 1000)


def moment(unix_s: int | None) -> Markup:
    """A time in full, in UTC until the script puts it into the reader's zone."""
    return Markup("–") if unix_s is None else _time(iso_of_s(unix_s), spoken(iso_of_s(unix_s)), "moment")


def moment_ms(unix_ms: int | None) -> Markup:
    return Markup("–") if unix_ms is None else _time(iso_of_ms(unix_ms), spoken(iso_of_ms(unix_ms)), "moment")


def clock(unix_s: float) -> str:
    return iso_of_s(int(unix_s))[11:16]


def day(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%d %b")


def stamp(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%d %b %Y %H:%M UTC")


def rough(value: float) -> str:
    """A figure beside a chart: three digits that matter."""
    for least, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= least:
            return f"{value / (1e3 if letter == 'k' else least):.3g}{letter}"
    return f"{value:,.0f}" if value == int(value) else f"{value:.3g}"


def mebibytes(count: int) -> str:
    """Of mebibytes, as the contract has them."""
    return f"{count / 1024:,.1f} GiB".replace(".0 GiB", " GiB") if count >= 1024 else f"{count:,} MiB"


def arguments(text: str) -> dict[str, str]:
    """A log's arguments by name, as text whatever they are."""
    found: dict[str, Any] = msgspec.json.decode(text)
    return {name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in found.items()}  # fmt: skip


def octets(count: int) -> str:
    return mebibytes(count // MIB) if count >= MIB else f"{count:,} bytes"


FILTERS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        plain, short, clipped, address, number, count, percent, rate, amount, price, took, ago, ago_ms, moment,
        moment_ms, clock, day, stamp, rough, mebibytes, octets, arguments,
    )
}  # fmt: skip


def _visible(character: str) -> str:
    if character in KEPT_CONTROLS:
        return character
    if character in BIDI_CONTROLS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return f"⟨{ord(character):04X}⟩"
    return character


def _time(iso: str, shown: str, kind: str) -> Markup:
    return Markup('<time datetime="{}" title="{}" data-{}>{}</time>').format(iso, spoken(iso), kind, shown)


def spoken(iso: str) -> str:
    """A time as people read it, in UTC."""
    return iso.replace("T", " ").replace("Z", " UTC")
