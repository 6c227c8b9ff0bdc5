"""What values of each form look like: the text of a parameter comes in, a value goes out, or what is wrong with it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from msgspec import Struct

from api.explorer.parameters import ADDRESS, HASH, NUMBER_MAX
from api.service.refusals import Invalid
from api.service.suggesting import did_you_mean
from indexer.explorer.filters import Value
from indexer.explorer.lists import Form, Narrowing

TEXT_LENGTH_MAX = 128
AMOUNT_MAX = 2**127 - 1


class BadParameter(Invalid):
    """A parameter has a value that it cannot have."""

    remedy = "Correct the parameter and ask again; /docs describes each."


class FormOf(Struct, frozen=True):
    """How a form is read, and how it is described to programs and to people."""

    read: Callable[[str], Value | None]
    schema: Schema
    wanted: str


def second_of(name: str, text: str | None, *, is_least: bool) -> int | None:
    """A time that bounds others from below or from above. Raises BadParameter."""
    if text is None:
        return None
    return _moment(Narrowing(name, Form.SECOND, (name,), ">=" if is_least else "<="), text)


def values_of(narrowing: Narrowing, text: str) -> tuple[Value, ...]:
    """Raises BadParameter."""
    if narrowing.form is Form.WORDS:
        return tuple(word_of(narrowing.name, each, narrowing.words) for each in text.split(","))
    if narrowing.form in MOMENTS:
        return (_moment(narrowing, text),)
    return (value_of(narrowing.name, text, FORMS[narrowing.form]),)


def value_of(name: str, text: str, form: FormOf) -> Value:
    value = form.read(text)
    if value is None:
        raise BadParameter(f"{name} is {shortened(text)!r}: {form.wanted}")
    return value


def word_of(name: str, text: str, words: tuple[str, ...]) -> str:
    if text not in words:
        raise BadParameter(f"{name} is {shortened(text)!r}, which it cannot be", did_you_mean(text, words))
    return text


def schema_of(narrowing: Narrowing) -> Schema:
    if narrowing.form is Form.WORDS:
        return Schema(type=OpenAPIType.ARRAY, items=Schema(enum=list(narrowing.words)), min_items=1)
    if narrowing.form in MOMENTS:
        return Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME)
    return FORMS[narrowing.form].schema


def shortened(text: str) -> str:
    return text if len(text) <= TEXT_LENGTH_MAX else text[:TEXT_LENGTH_MAX] + "..."


def _matching(pattern: str, text: str) -> str | None:
    return text.lower() if re.fullmatch(pattern.strip("^$"), text) else None


def _number(most: int, text: str, least: int = 0) -> int | None:
    digits = len(str(most))
    return int(text) if re.fullmatch(rf"[0-9]{{1,{digits}}}", text) and least <= int(text) <= most else None


def number_form(most: int, least: int = 0) -> FormOf:
    schema = Schema(type=OpenAPIType.INTEGER, minimum=least, maximum=most)
    return FormOf(partial(_number, most, least=least), schema, f"it is a whole number from {least} to {most}")


FORMS = {
    Form.ADDRESS: FormOf(
        partial(_matching, ADDRESS), Schema(type=OpenAPIType.STRING, pattern=ADDRESS), "it is 0x and 40 hex digits"
    ),
    Form.HASH: FormOf(
        partial(_matching, HASH), Schema(type=OpenAPIType.STRING, pattern=HASH), "it is 0x and 64 hex digits"
    ),
    Form.TEXT: FormOf(
        lambda text: text if 0 < len(text) <= TEXT_LENGTH_MAX else None,
        Schema(type=OpenAPIType.STRING, min_length=1, max_length=TEXT_LENGTH_MAX),
        f"it is 1 to {TEXT_LENGTH_MAX} characters",
    ),
    Form.NUMBER: number_form(NUMBER_MAX),
    Form.AMOUNT: FormOf(
        partial(_number, AMOUNT_MAX),
        Schema(type=OpenAPIType.STRING, pattern="^[0-9]{1,39}$", description="wei"),
        f"an amount is a whole number of wei, at most {AMOUNT_MAX}",
    ),
    Form.FLAG: FormOf(
        {"true": True, "false": False}.get, Schema(type=OpenAPIType.BOOLEAN), "it is true or false"
    ),
}  # fmt: skip
MOMENTS = {Form.SECOND: 1_000_000, Form.MILLISECOND: 1_000}
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def _moment(narrowing: Narrowing, text: str) -> int:
    """ISO 8601; without a zone it is UTC. A `+` that was not escaped arrives as a space."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        since = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // MICROSECOND
    except (ValueError, OverflowError):
        wanted = "a time is ISO 8601, as 2026-05-01T12:00:00Z or 2026-05-01"
        raise BadParameter(f"{narrowing.name} is {shortened(text)!r}: {wanted}") from None
    unit = MOMENTS[narrowing.form]
    return -(-since // unit) if narrowing.operator == ">=" else since // unit
