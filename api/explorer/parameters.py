"""What may be put to the explorer's routes: each parameter once, with its bounds and what the documentation says."""

import re
from typing import Annotated

from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from api.problems import documented
from indexer.explorer.rows import JobState, NodeState, ReceiptState

HASH = "^0x[0-9a-fA-F]{64}$"
ADDRESS = "^0x[0-9a-fA-F]{40}$"
NUMBER_MAX = 2**53 - 1

BLOCK_NAME = "^([0-9]{1,18}|0x[0-9a-fA-F]{64})$"
AS_OF_IS = (
    "Block number or hash: what the chain had said up to that block. Finality and what workers published are those of "
    "now."
)
BLOCK = re.compile(BLOCK_NAME.strip("^$"))

Limit = Annotated[int | None, QueryParameter(ge=1, le=1000, description="Rows a page; this server caps it")]
Cursor = Annotated[str | None, QueryParameter(max_length=1024, description="`next` of the page before")]
JobStateFilter = Annotated[JobState | None, QueryParameter(name="state")]
ReceiptStateFilter = Annotated[ReceiptState | None, QueryParameter(name="state")]
NodeStateFilter = Annotated[NodeState | None, QueryParameter(name="state")]
FlagFilter = Annotated[bool | None, QueryParameter()]
JobId = Annotated[int, PathParameter(ge=0, le=NUMBER_MAX)]
Number = Annotated[int, PathParameter(ge=0, le=NUMBER_MAX)]
AddressPath = Annotated[str, PathParameter(pattern=ADDRESS)]
HashPath = Annotated[str, PathParameter(pattern=HASH)]
BlockPath = Annotated[str, PathParameter(pattern=BLOCK_NAME, description="Number or hash")]
TextPath = Annotated[str, PathParameter(min_length=1, max_length=128)]
AsOf = Annotated[
    str | None,
    QueryParameter(
        name="as_of",
        pattern=BLOCK_NAME,
        description=AS_OF_IS,
    ),
]
BlockNumber = Annotated[int | None, QueryParameter(ge=0, le=NUMBER_MAX)]

_PAST = {"s503": "The block is old: its state is being made from the ledger; ask again"}
UNCHANGED = {304: ResponseSpec(None, description="Nothing has changed since the answer that If-None-Match names")}
LIST_FAULTS = UNCHANGED | documented(
    s400="A filter, the limit or the cursor is malformed, or `as_of` is beyond the head",
    s404="`as_of` is a hash that is not known here",
    s409="The blocks under the cursor, or that of `as_of`, were reorganised away",
    **_PAST,
)
ITEM_FAULTS = UNCHANGED | documented(
    s400="The identifier is malformed, or `as_of` is beyond the head",
    s404="There is no such thing, or `as_of` is a hash that is not known here",
    s409="The block of `as_of` was reorganised away",
    **_PAST,
)


def block_named(text: str) -> int | str:
    return text.lower() if text.startswith("0x") else int(text)


def moment_named(as_of: str | None) -> int | str | None:
    return None if as_of is None else block_named(as_of)
