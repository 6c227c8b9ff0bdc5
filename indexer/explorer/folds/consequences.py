"""Which rows one fact of the chain changes: books and the fact come in, the books are changed by all rules it concerns.

Each consequence looks first at everything that the fact presumes: it happens whole or, raising Unfoldable, not at all.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from domain.facts import (
    ChainFact,
    JobCancelled,
    JobClaimed,
    JobCompleted,
    JobExpired,
    JobRequested,
    JobTermsFixed,
    LeaseExpired,
    LogUnreadable,
    ModelActivated,
    ModelPriced,
    ModelRegistered,
    ModelUpdated,
    NodeDeregistered,
    NodeRegistered,
    NodeSlashed,
    NodeUpdated,
    OfferPosted,
    OfferWithdrawn,
    ReceiptAccepted,
    ReceiptDue,
    ReceiptSkipped,
    StakeAdded,
    StakeWithdrawn,
    VerifierAdded,
    Withdrawn,
)
from domain.jobs import LaterFact

from ..rows import AccountRow, JobRow, ModelRow, NodeRow
from .accounts import give_back, order, settle, withdraw
from .books import Books
from .jobs import begin_job, fold_job
from .models import ModelFact, begin_model, fold_model
from .moment import Moment, Unfoldable, address, hexed
from .nodes import ProfileFact, WorkFact, begin_node, fold_profile, fold_work
from .receipts import accept_receipt, begin_receipt, expire_receipt

Consequence = Callable[[Books, Moment, Any], None]


def consequences(books: Books, moment: Moment, fact: ChainFact) -> None:
    """Changes the books by everything that follows from `fact`, or raises Unfoldable and changes nothing."""
    _OF[type(fact)](books, moment, fact)


def _job_requested(books: Books, moment: Moment, fact: JobRequested) -> None:
    if job := books.jobs.get(fact.job_id):
        raise Unfoldable(f"job {fact.job_id} was requested before, in block {job.block}")
    model = _model(books, moment, fact)
    books.jobs.put(fact.job_id, begin_job(moment, fact))
    fold_model(model, moment, fact)


def _job_terms_fixed(books: Books, moment: Moment, fact: JobTermsFixed) -> None:
    job = _led_on(books, moment, fact)
    order(partial(_account, books, moment.block), books.sums, job, fact)


def _job_worked_on(books: Books, moment: Moment, fact: JobClaimed | LeaseExpired) -> None:
    _asked(books, fact)
    fold_work(_worker(books, moment, fact), moment, fact)
    _led_on(books, moment, fact)


def _job_completed(books: Books, moment: Moment, fact: JobCompleted) -> None:
    _asked(books, fact)
    fold_work(_worker(books, moment, fact), moment, fact)
    job = _led_on(books, moment, fact)
    books.receipts.put(fact.job_id, begin_receipt(job, moment, fact))


def _job_due(books: Books, moment: Moment, fact: ReceiptDue) -> None:
    _led_on(books, moment, fact)


def _job_cancelled(books: Books, moment: Moment, fact: JobCancelled) -> None:
    job = _led_on(books, moment, fact)
    give_back(partial(_account, books, moment.block), books.sums, job, fact)


def _job_expired(books: Books, moment: Moment, fact: JobExpired) -> None:
    _asked(books, fact)
    if books.receipts.get(fact.job_id):
        fold_work(_worker(books, moment, fact), moment, fact)
        if receipt := books.receipts.own(fact.job_id, moment.block):
            expire_receipt(receipt, moment)
    job = _led_on(books, moment, fact)
    give_back(partial(_account, books, moment.block), books.sums, job, fact)


def _receipt_accepted(books: Books, moment: Moment, fact: ReceiptAccepted) -> None:
    _asked(books, fact)
    if books.receipts.get(fact.job_id) is None:
        raise Unfoldable(f"job {fact.job_id} was paid before it was answered")
    _known_worker(books, fact)
    model = _model(books, moment, fact)
    job = _led_on(books, moment, fact)
    receipt = books.receipts.own(fact.job_id, moment.block)
    assert receipt is not None
    accept_receipt(receipt, job, moment, fact)
    fold_work(_worker(books, moment, fact), moment, fact)
    fold_model(model, moment, fact)
    settle(partial(_account, books, moment.block), books.sums, job, fact)


def _node_registered(books: Books, moment: Moment, fact: NodeRegistered) -> None:
    key = address(fact.node)
    before = books.nodes.get(key)
    node = begin_node(before, moment, fact)
    books.sums.stakes += node.stake - (before.stake if before else 0)
    books.nodes.put(key, node)


def _node_changed(books: Books, moment: Moment, fact: ProfileFact) -> None:
    node = books.nodes.own(address(fact.node), moment.block)
    if node is None:
        raise Unfoldable(f"node {hexed(fact.node)} was never registered")
    before = node.stake
    fold_profile(node, moment, fact)
    books.sums.stakes += node.stake - before


def _model_registered(books: Books, moment: Moment, fact: ModelRegistered) -> None:
    if books.models.get(fact.model_id):
        raise Unfoldable(f"model {fact.model_id!r} was registered before")
    books.models.put(fact.model_id, begin_model(moment, fact))


def _model_changed(books: Books, moment: Moment, fact: ModelUpdated | ModelActivated | ModelPriced) -> None:
    fold_model(_model(books, moment, fact), moment, fact)


def _withdrawn(books: Books, moment: Moment, fact: Withdrawn) -> None:
    withdraw(partial(_account, books, moment.block), books.sums, fact)


def _nothing(_: Books, __: Moment, ___: ReceiptSkipped | VerifierAdded) -> None:
    """It is told by its event alone."""


def _unreadable(_: Books, __: Moment, fact: LogUnreadable) -> None:
    raise Unfoldable(f"the log does not fit its ABI: {fact.reason}")


def _asked(books: Books, fact: LaterFact) -> None:
    if books.jobs.get(fact.job_id) is None:
        raise Unfoldable(f"job {fact.job_id} was never requested")


def _led_on(books: Books, moment: Moment, fact: LaterFact) -> JobRow:
    job = books.jobs.own(fact.job_id, moment.block)
    if job is None:
        raise Unfoldable(f"job {fact.job_id} was never requested")
    fold_job(job, moment, fact)
    return job


def _known_worker(books: Books, fact: WorkFact) -> None:
    if books.nodes.get(address(fact.worker)) is None:
        raise Unfoldable(f"job {fact.job_id} names worker {hexed(fact.worker)}, which was never registered")


def _worker(books: Books, moment: Moment, fact: WorkFact) -> NodeRow:
    node = books.nodes.own(address(fact.worker), moment.block)
    if node is None:
        raise Unfoldable(f"job {fact.job_id} names worker {hexed(fact.worker)}, which was never registered")
    return node


def _model(books: Books, moment: Moment, fact: ModelFact) -> ModelRow:
    model = books.models.own(fact.model_id, moment.block)
    if model is None:
        raise Unfoldable(f"model {fact.model_id!r} was never registered")
    return model


def _account(books: Books, block: int, key: str) -> AccountRow:
    account = books.accounts.own(key, block)
    if account is None:
        account = AccountRow(key, 0, 0, 0, 0, 0, 0, 0, block)
        books.accounts.put(key, account)
    account.block = block
    return account


_OF: dict[type, Consequence] = {
    JobRequested: _job_requested,
    JobTermsFixed: _job_terms_fixed,
    JobClaimed: _job_worked_on,
    LeaseExpired: _job_worked_on,
    JobCompleted: _job_completed,
    ReceiptDue: _job_due,
    JobCancelled: _job_cancelled,
    JobExpired: _job_expired,
    ReceiptAccepted: _receipt_accepted,
    ReceiptSkipped: _nothing,
    VerifierAdded: _nothing,
    Withdrawn: _withdrawn,
    LogUnreadable: _unreadable,
    NodeRegistered: _node_registered,
    **dict.fromkeys(
        (NodeUpdated, StakeAdded, OfferPosted, OfferWithdrawn, NodeDeregistered, StakeWithdrawn, NodeSlashed),
        _node_changed,
    ),
    ModelRegistered: _model_registered,
    **dict.fromkeys((ModelUpdated, ModelActivated, ModelPriced), _model_changed),
}
