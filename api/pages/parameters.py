"""What a page's forms may send: as the API takes it, but a field that was left empty is no value."""

from typing import Annotated

from litestar.params import QueryParameter

AddressField = Annotated[str | None, QueryParameter(pattern="^(0x[0-9a-fA-F]{40})?$")]
TextField = Annotated[str | None, QueryParameter(max_length=128)]


def address_in(field: str | None) -> str | None:
    return field.lower() if field else None


def text_in(field: str | None) -> str | None:
    return field or None
