"""What the contracts should do, in plain Python: each action says why it must be refused, or changes the state.

The rules are written from the design, not from the Vyper: times are inclusive, and the reason is the contract's own.
"""

from dataclasses import dataclass, field

from tests.contracts.terms import ANSWERED, CANCELLED, CLAIMED, EXPIRED, OPEN, SETTLED


@dataclass(frozen=True)
class Periods:
    """The deployment's own, in seconds and wei."""

    lease_s: int
    receipt_window_s: int
    order_lifetime_s: int
    unbonding_s: int
    min_stake: int


@dataclass
class Node:
    stake: int
    withdrawable_at: int = 0
    offer: tuple[int, int] | None = None


@dataclass
class Job:
    controller: str
    refund_to: str
    escrow: int
    terms: tuple[int, int, int]
    """Most completion tokens, price of a prompt token, price of a completion token."""
    deadline: int
    holder: str | None = None
    until: int = 0
    status: int = OPEN
    answer: str | None = None

    def is_free(self, now: int) -> bool:
        return self.status == OPEN or (self.status == CLAIMED and now > self.until)

    def is_due_from(self, node: str, now: int) -> bool:
        return self.status in (CLAIMED, ANSWERED) and self.holder == node and now <= self.until


@dataclass
class Reckoning:
    periods: Periods
    prices: tuple[int, int]
    max_tokens: int
    now: int
    jobs: list[Job] = field(default_factory=list)
    nodes: dict[str, Node] = field(default_factory=dict)
    credit: dict[str, int] = field(default_factory=dict)
    slashed: int = 0
    surplus: int = 0
    """Ether that was forced into the coordinator: it belongs to nobody."""

    @property
    def open_escrow(self) -> int:
        return sum(job.escrow for job in self.jobs if job.status in (OPEN, CLAIMED, ANSWERED))

    @property
    def total_credit(self) -> int:
        return sum(self.credit.values())

    @property
    def total_stake(self) -> int:
        return sum(node.stake for node in self.nodes.values())

    def job(self, number: int) -> Job:
        return self.jobs[number - 1]

    def may_claim(self, name: str) -> bool:
        node = self.nodes.get(name)
        return node is not None and node.withdrawable_at == 0 and node.stake >= self.periods.min_stake

    def order(
        self, controller: str, tokens: int, value: int, refund_to: str, reserved_for: str | None, reserved_until: int
    ) -> str | None:
        deadline = self.now + self.periods.order_lifetime_s
        prices = self.prices
        if reserved_for is not None:
            if not self.now < reserved_until <= deadline:
                return "reservation out of range"
            if not self.may_claim(reserved_for):
                return "reserved for a node that may not claim"
            offer = self.nodes[reserved_for].offer
            if offer is None:
                return "no such offer"
            prices = offer
        if value < tokens * prices[1]:
            return "too little value"
        until = reserved_until if reserved_for is not None else 0
        self.jobs.append(Job(controller, refund_to, value, (tokens, *prices), deadline, reserved_for, until))
        return None

    def claim(self, node: str, number: int) -> str | None:
        if not self.may_claim(node):
            return "node may not claim"
        job = self.job(number)
        if not job.is_free(self.now):
            return "job is not open"
        if self.now >= job.deadline:
            return "job is overdue"
        if job.status == OPEN and job.holder not in (None, node) and self.now <= job.until:
            return "job is reserved"
        job.status, job.holder = CLAIMED, node
        job.until = min(self.now + self.periods.lease_s, job.deadline)
        return None

    def claim_many(self, node: str, numbers: list[int]) -> str | None:
        if not self.may_claim(node):
            return "node may not claim"
        for number in numbers:
            self.claim(node, number)
        return None

    def respond(self, node: str, number: int, answer: str) -> str | None:
        job = self.job(number)
        if job.status != CLAIMED:
            return "job is not claimed"
        if job.holder != node:
            return "not the claimant"
        if self.now > job.until:
            return "lease has run out"
        job.status, job.answer, job.until = ANSWERED, answer, self.now + self.periods.receipt_window_s
        return None

    def refuses_receipt(self, node: str, number: int, answer: str, amount: int) -> str | None:
        """Why a receipt is refused before its proof is looked at."""
        job = self.job(number)
        if job.status not in (CLAIMED, ANSWERED):
            return "job is not claimed"
        if job.holder != node:
            return "not the claimant"
        if self.now > job.until:
            return "lease has run out"
        return self._refuses_content(job, answer, amount)

    def settle(self, node: str, number: int, answer: str, amount: int) -> str | None:
        refusal = self.refuses_receipt(node, number, answer, amount)
        if refusal is None:
            job = self.job(number)
            job.status, job.answer = SETTLED, answer
            self._owe(node, amount)
            self._owe(job.refund_to, job.escrow - amount)
        return refusal

    def refuses_many(self, node: str, entries: list[tuple[int, str, int]]) -> str | None:
        """Why a batch is refused before its proofs are looked at: what is not open to the node is skipped instead."""
        refusals = (
            self._refuses_content(self.job(number), answer, amount)
            for number, answer, amount in entries
            if self.job(number).is_due_from(node, self.now)
        )
        return next(filter(None, refusals), None)

    def settle_many(self, node: str, entries: list[tuple[int, str, int]]) -> str | None:
        """Settles what is open to the node; one wrong entry refuses all."""
        refusal = self.refuses_many(node, entries)
        if refusal is None:
            for number, answer, amount in entries:
                self.settle(node, number, answer, amount)
        return refusal

    def cancel(self, controller: str, number: int) -> str | None:
        job = self.job(number)
        if job.controller != controller:
            return "not the controller"
        if not job.is_free(self.now):
            return "job is not open"
        job.status = CANCELLED
        self._owe(job.refund_to, job.escrow)
        return None

    def expire(self, number: int) -> str | None:
        job = self.job(number)
        if job.status not in (OPEN, CLAIMED, ANSWERED):
            return "job is closed"
        if self.now <= (job.until if job.status == ANSWERED else job.deadline):
            return "job is not overdue"
        job.status = EXPIRED
        self._owe(job.refund_to, job.escrow)
        return None

    def withdraw(self, account: str) -> str | None:
        if self.credit.get(account, 0) == 0:
            return "no credit"
        self.credit[account] = 0
        return None

    def register(self, name: str, stake: int) -> str | None:
        if name in self.nodes:
            return "node is registered"
        if stake < self.periods.min_stake:
            return "stake too low"
        self.nodes[name] = Node(stake)
        return None

    def change_node(
        self, name: str, stake: int = 0, offer: tuple[int, int] | None = None, leaves: bool = False
    ) -> str | None:
        """Adds stake, posts an offer or starts to leave: what only a bonded node does."""
        node = self.nodes.get(name)
        if node is None:
            return "not a node"
        if node.withdrawable_at:
            return "node is leaving"
        node.stake += stake
        node.offer = offer or node.offer
        node.withdrawable_at = self.now + self.periods.unbonding_s if leaves else 0
        return None

    def take_stake(self, name: str) -> str | None:
        node = self.nodes.get(name)
        if node is None or node.withdrawable_at == 0:
            return "deregister first"
        if self.now < node.withdrawable_at:
            return "stake is unbonding"
        del self.nodes[name]
        return None

    def slash(self, name: str, amount: int) -> str | None:
        node = self.nodes.get(name)
        if node is None:
            return "not a node"
        taken = min(amount, node.stake)
        node.stake -= taken
        self.slashed += taken
        return None

    def collect_slashed(self) -> str | None:
        if self.slashed == 0:
            return "nothing slashed"
        self.slashed = 0
        return None

    def _refuses_content(self, job: Job, answer: str, amount: int) -> str | None:
        if amount > job.escrow:
            return "amount above escrow"
        if job.status == ANSWERED and job.answer != answer:
            return "not the response given"
        return None

    def _owe(self, account: str, amount: int) -> None:
        self.credit[account] = self.credit.get(account, 0) + amount
