"""What one fact moves between whom: the coordinator's books, one entry an address.

Escrow is the controller's until the job ends. Then the worker is credited what the receipt is worth and the refund
address the rest. Credit leaves by withdrawal alone. One address may play several parts in a fact.
"""

from collections.abc import Callable

from domain.facts import JobCancelled, JobExpired, JobTermsFixed, ReceiptAccepted, Withdrawn

from ..rows import AccountRow, JobRow
from .moment import address
from .totals import Sums

Account = Callable[[str], AccountRow]
"""The account of an address, as the caller's own copy or new: what it finds may be changed."""


def order(account: Account, sums: Sums, job: JobRow, fact: JobTermsFixed) -> None:
    payer = account(job.controller)
    payer.ordered += fact.escrow
    payer.open_escrow += fact.escrow
    sums.open_escrow += fact.escrow


def settle(account: Account, sums: Sums, job: JobRow, fact: ReceiptAccepted) -> None:
    payer = account(job.controller)
    payer.open_escrow -= job.escrow
    payer.spent += fact.amount
    worker = account(address(fact.worker))
    worker.credit += fact.amount
    worker.earned += fact.amount
    _refund(account(job.refund_to), fact.refund)
    sums.open_escrow -= job.escrow
    sums.credit += fact.amount + fact.refund


def give_back(account: Account, sums: Sums, job: JobRow, fact: JobCancelled | JobExpired) -> None:
    account(job.controller).open_escrow -= job.escrow
    _refund(account(job.refund_to), fact.refund)
    sums.open_escrow -= job.escrow
    sums.credit += fact.refund


def withdraw(account: Account, sums: Sums, fact: Withdrawn) -> None:
    owner = account(address(fact.account))
    owner.credit -= fact.amount
    owner.withdrawn += fact.amount
    sums.credit -= fact.amount


def _refund(payee: AccountRow, amount: int) -> None:
    payee.credit += amount
    payee.refunded += amount
