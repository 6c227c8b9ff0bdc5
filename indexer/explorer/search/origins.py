"""Where names come from: each kind's table and column, the number that leads to the row, and how a row is told."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from msgspec import Struct

from ..aggregates import DOCUMENTS, JOBS, RECEIPTS
from ..records import BLOCKS, TRANSACTIONS
from ..table import Table
from .hits import Hit, match_of

NameKind = Literal["prompt", "response", "model", "transaction", "block", "document"]
Told = Callable[[str, Sequence[Any], bool], Hit]
"""What was asked, the values of `shown`, and whether they are final."""


class Origin(Struct, frozen=True):
    """Texts in `column` of `table`; `leads_to` is a column of numbers in order. `once`: one row a text will do."""

    kind: NameKind
    table: Table
    column: str
    leads_to: str
    shown: tuple[str, ...]
    told: Told
    once: bool = False


def _prompt(asked: str, row: Sequence[Any], is_final: bool) -> Hit:
    job_id, cid, state = row
    return Hit("job", str(job_id), "prompt_cid", cid, match_of(asked, cid), state, is_final)


def _response(asked: str, row: Sequence[Any], is_final: bool) -> Hit:
    job_id, cid, state = row
    return Hit("receipt", str(job_id), "response_cid", cid, match_of(asked, cid), state, is_final)


def _document(asked: str, row: Sequence[Any], is_final: bool) -> Hit:
    job_id, cid = row
    return Hit("receipt", str(job_id), "receipt_cid", cid, match_of(asked, cid), "the worker's document", is_final)


def _model(asked: str, row: Sequence[Any], is_final: bool) -> Hit:
    model_id, cid = row
    return Hit("model", model_id, "model_cid", cid, match_of(asked, cid), "asked for under this content", is_final)


def _transaction(asked: str, row: Sequence[Any], is_final: bool) -> Hit:
    hash_, block, succeeded = row
    detail = f"block {block}" if succeeded else f"block {block}, reverted"
    return Hit("transaction", hash_, "hash", hash_, match_of(asked, hash_), detail, is_final)


def _block(asked: str, row: Sequence[Any], is_final: bool) -> Hit:
    number, hash_ = row
    return Hit("block", str(number), "hash", hash_, match_of(asked, hash_), f"block {number}", is_final)


ON_CHAIN = (
    Origin("prompt", JOBS, "prompt_cid", "job_id", ("job_id", "prompt_cid", "state"), _prompt),
    Origin("response", RECEIPTS, "response_cid", "job_id", ("job_id", "response_cid", "state"), _response),
    Origin("model", JOBS, "model_cid", "job_id", ("model_id", "model_cid"), _model, once=True),
    Origin("transaction", TRANSACTIONS, "hash", "block", ("hash", "block", "succeeded"), _transaction),
    Origin("block", BLOCKS, "hash", "number", ("number", "hash"), _block),
)
PUBLISHED = Origin("document", DOCUMENTS, "receipt_cid", "job_id", ("job_id", "receipt_cid"), _document)
ORIGINS: dict[NameKind, Origin] = {origin.kind: origin for origin in (*ON_CHAIN, PUBLISHED)}
KINDS = tuple(ORIGINS)
