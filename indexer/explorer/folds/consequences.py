"""Which rows one fact of the chain changes: books and the fact come in, the rows after it go out."""

from domain.facts import (
    ChainFact,
    JobExpired,
    JobRequested,
    LogUnreadable,
    ReceiptAccepted,
    ReceiptSkipped,
    VerifierAdded,
    Withdrawn,
)

from ..rows import AccountRow, JobRow, ModelRow, NodeRow, ReceiptRow, Row
from .accounts import MoneyFact, fold_account, movements
from .books import Books
from .jobs import JobFact, fold_job
from .models import fold_model
from .moment import Moment, Unfoldable, hexed
from .nodes import ProfileFact, WorkFact, fold_profile, fold_work
from .receipts import ReceiptFact, fold_receipt


def consequences(books: Books, moment: Moment, fact: ChainFact) -> list[Row]:
    """All rows or, when the fact contradicts the books, none: then it raises Unfoldable."""
    if isinstance(fact, JobFact):
        return _of_a_job(books, moment, fact)
    if isinstance(fact, ProfileFact):
        return [fold_profile(books.get(NodeRow, hexed(fact.node)), moment, fact)]
    if isinstance(fact, Withdrawn):
        return _moved(books, moment, None, fact)
    if isinstance(fact, ReceiptSkipped | VerifierAdded):
        return []
    if isinstance(fact, LogUnreadable):
        raise Unfoldable(f"the log does not fit its ABI: {fact.reason}")
    return [fold_model(books.get(ModelRow, fact.model_id), moment, fact)]


def _of_a_job(books: Books, moment: Moment, fact: JobFact) -> list[Row]:
    job = fold_job(books.get(JobRow, fact.job_id), moment, fact)
    receipt = books.get(ReceiptRow, fact.job_id)
    rows: list[Row] = [job]
    if isinstance(fact, ReceiptFact):
        after = fold_receipt(receipt, job, moment, fact)
        rows += [after] if after else []
    if isinstance(fact, WorkFact) and (receipt or not isinstance(fact, JobExpired)):
        rows.append(fold_work(books.get(NodeRow, hexed(fact.worker)), moment, fact))
    if isinstance(fact, JobRequested | ReceiptAccepted):
        rows.append(fold_model(books.get(ModelRow, fact.model_id), moment, fact))
    if isinstance(fact, MoneyFact):
        rows += _moved(books, moment, job, fact)
    return rows


def _moved(books: Books, moment: Moment, job: JobRow | None, fact: MoneyFact) -> list[Row]:
    """One address may play several parts in a fact, so each movement starts from the one before."""
    accounts: dict[str, AccountRow] = {}
    for movement in movements(job, fact):
        before = accounts.get(movement.address) or books.get(AccountRow, movement.address)
        accounts[movement.address] = fold_account(before, movement, moment.block)
    return list(accounts.values())
