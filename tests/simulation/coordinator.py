"""Transactions come in; what the contracts log, or their refusal, comes out: their rules in a few dictionaries.

`Books` is one moment of the contracts' storage. It is copied for each block, so that a fork begins where it should.
"""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from domain import facts
from domain.facts import ChainFact, Wei

ZERO = bytes(20)
LEASE_S, WINDOW_S, LIFETIME_S, UNBONDING_S = 60, 90, 400, 50
OPEN, CLAIMED, ANSWERED, SETTLED, CANCELLED, EXPIRED = range(1, 7)
MIN_STAKE = 10**6
COORDINATOR, MODELS, NODES = "InferenceCoordinator", "ModelRegistry", "NodeProfileRegistry"

Logged = tuple[str, ChainFact]


class Refused(Exception):
    """The contract reverts."""


class Job(Struct, frozen=True):
    asked: facts.JobRequested
    terms: facts.JobTermsFixed
    status: int = OPEN
    worker: bytes = ZERO
    until: int = 0
    response: str = ""


class Model(Struct, frozen=True):
    cid: str
    version: int = 1
    is_active: bool = True
    prompt: int = 0
    completion: int = 1
    tokens_max: int = 64


class Bond(Struct, frozen=True):
    stake: int
    leaves_at: int = 0


class Books:
    """What the contracts store, and the ether they hold."""

    def __init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        self.credit: dict[bytes, int] = {}
        self.bonds: dict[bytes, Bond] = {}
        self.offers: dict[tuple[bytes, str], tuple[int, int]] = {}
        self.models: dict[str, Model] = {}
        self.slashed = 0
        self.balance = 0
        self.stakes_balance = 0

    def copy(self) -> "Books":
        twin = Books()
        for name, value in vars(self).items():
            setattr(twin, name, value.copy() if isinstance(value, dict) else value)
        return twin

    @property
    def open_escrow(self) -> int:
        return sum(job.terms.escrow for job in self.jobs.values() if job.status <= ANSWERED)

    def job(self, job_id: int) -> Job:
        if job_id not in self.jobs:
            raise Refused("no such job")
        return self.jobs[job_id]

    def is_free(self, job: Job, now: int) -> bool:
        return job.status == OPEN or (job.status == CLAIMED and now > job.until)

    def may_claim(self, node: bytes) -> bool:
        bond = self.bonds.get(node)
        return bond is not None and not bond.leaves_at and bond.stake >= MIN_STAKE

    def owe(self, account: bytes, amount: int) -> None:
        self.credit[account] = self.credit.get(account, 0) + amount


def need(holds: bool, reason: str) -> None:
    if not holds:
        raise Refused(reason)


def order(
    books: Books, now: int, sender: bytes, value: int, prompt: str, model_id: str, refund_to: bytes, reserve: bytes
) -> Iterator[Logged]:
    model = books.models.get(model_id)
    need(model is not None and model.is_active, "model is not active")
    assert model is not None
    prices, reserved_until = (model.prompt, model.completion), 0
    if reserve != ZERO:
        need(books.may_claim(reserve) and (reserve, model_id) in books.offers, "no such offer")
        prices, reserved_until = books.offers[reserve, model_id], now + 30
    job_id = len(books.jobs) + 1
    asked = facts.JobRequested(job_id, sender, prompt, model_id, model.cid)
    terms = facts.JobTermsFixed(
        job_id, refund_to, reserve, reserved_until, Wei(value), model.tokens_max, Wei(prices[0]), Wei(prices[1]),
        now + LIFETIME_S, 1,
    )  # fmt: skip
    books.jobs[job_id] = Job(asked, terms)
    books.balance += value
    yield COORDINATOR, asked
    yield COORDINATOR, terms


def claim(books: Books, now: int, sender: bytes, _: int, *job_ids: int) -> Iterator[Logged]:
    """One job or none, as `claim`; several, skipping what is not free, as `claimJobs`."""
    need(books.may_claim(sender), "node may not claim")
    for job_id in job_ids:
        job = books.job(job_id)
        reserved = (
            job.status == OPEN and job.terms.reserved_for not in (ZERO, sender) and now <= job.terms.reserved_until
        )
        if not books.is_free(job, now) or now >= job.terms.deadline or reserved:
            need(len(job_ids) > 1, "job is not open")
            continue
        yield from _end_lease(job_id, job)
        until = min(now + LEASE_S, job.terms.deadline)
        books.jobs[job_id] = replace(job, status=CLAIMED, worker=sender, until=until)
        yield COORDINATOR, facts.JobClaimed(job_id, sender, until)


def respond(books: Books, now: int, sender: bytes, _: int, job_id: int, response: str) -> Iterator[Logged]:
    job = books.job(job_id)
    need(job.status == CLAIMED and job.worker == sender and now <= job.until, "lease has run out")
    books.jobs[job_id] = replace(job, status=ANSWERED, until=now + WINDOW_S, response=response)
    yield COORDINATOR, facts.JobCompleted(job_id, sender, response)
    yield COORDINATOR, facts.ReceiptDue(job_id, sender, now + WINDOW_S)


def settle(books: Books, now: int, sender: bytes, _: int, *entries: tuple[int, str, int]) -> Iterator[Logged]:
    """One receipt, or several of which those that are no longer open are skipped."""
    for job_id, response, percent in entries:
        job = books.job(job_id)
        holds = job.status in (CLAIMED, ANSWERED) and job.worker == sender and now <= job.until
        if not holds:
            need(len(entries) > 1, "job is not claimed")
            yield COORDINATOR, facts.ReceiptSkipped(job_id, sender, job.status)
            continue
        if job.status == CLAIMED:
            job = replace(job, response=response)
            yield COORDINATOR, facts.JobCompleted(job_id, sender, response)
        amount = job.terms.escrow * percent // 100
        books.jobs[job_id] = replace(job, status=SETTLED)
        books.owe(sender, amount)
        books.owe(job.terms.refund_to, job.terms.escrow - amount)
        yield COORDINATOR, _accepted(job_id, job, amount)


def cancel(books: Books, now: int, sender: bytes, _: int, job_id: int) -> Iterator[Logged]:
    job = books.job(job_id)
    need(job.asked.controller == sender and books.is_free(job, now), "job is not open")
    yield from _end_lease(job_id, job)
    _refund(books, job_id, job, CANCELLED)
    yield COORDINATOR, facts.JobCancelled(job_id, sender, job.terms.escrow)


def expire(books: Books, now: int, _: bytes, __: int, job_id: int) -> Iterator[Logged]:
    job = books.job(job_id)
    need(job.status <= ANSWERED, "job is closed")
    need(now > (job.until if job.status == ANSWERED else job.terms.deadline), "job is not overdue")
    yield from _end_lease(job_id, job)
    _refund(books, job_id, job, EXPIRED)
    worker = ZERO if job.status == OPEN else job.worker
    yield COORDINATOR, facts.JobExpired(job_id, worker, job.terms.escrow)


def withdraw(books: Books, _: int, sender: bytes, __: int, recipient: bytes) -> Iterator[Logged]:
    amount = books.credit.get(sender, 0)
    need(amount > 0, "no credit")
    books.credit[sender] = 0
    books.balance -= amount
    yield COORDINATOR, facts.Withdrawn(sender, recipient, Wei(amount))


def register(books: Books, _: int, sender: bytes, value: int, ram: int) -> Iterator[Logged]:
    need(sender not in books.bonds and value >= MIN_STAKE, "node is registered")
    books.bonds[sender] = Bond(value)
    books.stakes_balance += value
    yield NODES, facts.NodeRegistered(sender, ram, 0, 80, Wei(value))


def update_node(books: Books, _: int, sender: bytes, __: int, ram: int) -> Iterator[Logged]:
    _bonded(books, sender)
    yield NODES, facts.NodeUpdated(sender, ram, 1, 50)


def add_stake(books: Books, _: int, sender: bytes, value: int) -> Iterator[Logged]:
    bond = _bonded(books, sender)
    books.bonds[sender] = replace(bond, stake=bond.stake + value)
    books.stakes_balance += value
    yield NODES, facts.StakeAdded(sender, Wei(value), Wei(bond.stake + value))


def offer(books: Books, _: int, sender: bytes, __: int, model_id: str, price: int) -> Iterator[Logged]:
    _bonded(books, sender)
    books.offers[sender, model_id] = (price, price + 1)
    yield NODES, facts.OfferPosted(sender, model_id, Wei(price), Wei(price + 1))


def withdraw_offer(books: Books, _: int, sender: bytes, __: int, model_id: str) -> Iterator[Logged]:
    need((sender, model_id) in books.offers, "no such offer")
    del books.offers[sender, model_id]
    yield NODES, facts.OfferWithdrawn(sender, model_id)


def deregister(books: Books, now: int, sender: bytes, _: int) -> Iterator[Logged]:
    books.bonds[sender] = replace(_bonded(books, sender), leaves_at=now + UNBONDING_S)
    yield NODES, facts.NodeDeregistered(sender, now + UNBONDING_S)


def withdraw_stake(books: Books, now: int, sender: bytes, _: int) -> Iterator[Logged]:
    bond = books.bonds.get(sender)
    need(bond is not None and 0 < bond.leaves_at <= now, "stake is unbonding")
    assert bond is not None
    del books.bonds[sender]
    books.offers = {key: prices for key, prices in books.offers.items() if key[0] != sender}
    books.stakes_balance -= bond.stake
    yield NODES, facts.StakeWithdrawn(sender, Wei(bond.stake))


def slash(books: Books, _: int, __: bytes, ___: int, node: bytes, amount: int, reason: str) -> Iterator[Logged]:
    bond = books.bonds.get(node)
    need(bond is not None, "not a node")
    assert bond is not None
    taken = min(amount, bond.stake)
    books.bonds[node] = replace(bond, stake=bond.stake - taken)
    books.slashed += taken
    yield NODES, facts.NodeSlashed(node, Wei(taken), reason)


def register_model(books: Books, _: int, __: bytes, ___: int, model_id: str) -> Iterator[Logged]:
    need(model_id not in books.models, "model exists")
    books.models[model_id] = model = Model(f"Qm{model_id}1")
    yield MODELS, facts.ModelRegistered(model_id, model.cid, model_id.title(), "a 'model' \"in\" quotes")
    yield MODELS, facts.ModelPriced(model_id, Wei(model.prompt), Wei(model.completion), model.tokens_max)


def update_model(books: Books, _: int, __: bytes, ___: int, model_id: str, cid: str) -> Iterator[Logged]:
    model = _model(books, model_id)
    books.models[model_id] = replace(model, cid=cid, version=model.version + 1)
    yield MODELS, facts.ModelUpdated(model_id, cid, model.version + 1)


def activate(books: Books, _: int, __: bytes, ___: int, model_id: str, is_active: bool) -> Iterator[Logged]:
    books.models[model_id] = replace(_model(books, model_id), is_active=is_active)
    yield MODELS, facts.ModelActivated(model_id, is_active)


def price(books: Books, _: int, __: bytes, ___: int, model_id: str, prompt: int, completion: int) -> Iterator[Logged]:
    model = replace(_model(books, model_id), prompt=prompt, completion=completion)
    books.models[model_id] = model
    yield MODELS, facts.ModelPriced(model_id, Wei(prompt), Wei(completion), model.tokens_max)


def _accepted(job_id: int, job: Job, amount: int) -> facts.ReceiptAccepted:
    terms = job.terms
    packed = terms.max_tokens | terms.price_prompt_token << 32 | terms.price_completion_token << 128
    return facts.ReceiptAccepted(
        job_id=job_id,
        worker=job.worker,
        job_key=Wei(2**247 + job_id),
        prompt_cid=job.asked.prompt_cid,
        response_cid=job.response,
        model_id=job.asked.model_id,
        model_cid=job.asked.model_cid,
        terms=Wei(packed),
        amount=Wei(amount),
        refund=Wei(terms.escrow - amount),
        commitment=Wei(2**250 + job_id),
        verifier_version=1,
    )


def _end_lease(job_id: int, job: Job) -> Iterator[Logged]:
    if job.status == CLAIMED:
        yield COORDINATOR, facts.LeaseExpired(job_id, job.worker)


def _refund(books: Books, job_id: int, job: Job, status: int) -> None:
    books.jobs[job_id] = replace(job, status=status)
    books.owe(job.terms.refund_to, job.terms.escrow)


def _bonded(books: Books, node: bytes) -> Bond:
    bond = books.bonds.get(node)
    need(bond is not None and not bond.leaves_at, "not a node")
    assert bond is not None
    return bond


def _model(books: Books, model_id: str) -> Model:
    need(model_id in books.models, "unknown model")
    return books.models[model_id]
