"""Random actors do random things at random times: the books balance after every one, and nothing is ever stuck."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.contracts.acting import ACTORS, COORDINATOR, NODES, Acting
from tests.contracts.terms import ANSWERED, CLAIMED, NOBODY, OPEN, PROMPT_CID
from tests.network import MODEL_ID, OWNER, Account, Network, deployed, running

ANSWER = "QmAnswer"
DAY_S = 86_400

actors = st.sampled_from(ACTORS)
staked = st.sampled_from(ACTORS[1:4])
# None: whoever has the most to do with the job.
holder_mostly = st.none() | st.none() | actors
numbers = st.integers(0, 30)
tokens = st.tuples(st.integers(0, 2), st.integers(0, 4))
prices = st.tuples(st.integers(0, 3), st.integers(0, 3))
answers = st.sampled_from(("QmAnswer", "QmAnswer", "QmAnswer", "QmOther"))
# Seconds after the last one of a term, or whenever it is.
moments = st.sampled_from((None, None, -1, 0, 1))
forgeries = st.sampled_from(("other worker", "amount", "commitment", "modulus", "no point"))


class Books(Acting, RuleBasedStateMachine):
    """Every rule says what should come of an action, does it, and compares; the invariants compare everything else."""

    def __init__(self, network: Network) -> None:
        RuleBasedStateMachine.__init__(self)
        self.snapshot = network.rpc("evm_snapshot")
        Acting.__init__(self, network)

    def teardown(self) -> None:
        try:
            self.everything_can_be_withdrawn()
        finally:
            self.network.rpc("evm_revert", self.snapshot)

    @initialize()
    def four_jobs_and_three_nodes(self) -> None:
        self.reprice((1, 2))
        for actor in ACTORS[1:4]:
            self.register(actor, self.reckoning.periods.min_stake + 10)
            self.change_node(actor, "postOffer", MODEL_ID, 2, 1, offer=(2, 1))
        for worker in (None, *ACTORS[1:3], ACTORS[1]):
            self.order(ACTORS[0], 4, 6, ACTORS[4], worker)
        self.respond(ACTORS[1], 4, ANSWER)

    @rule(seconds=st.sampled_from((1, 30, 60, 299, 601, DAY_S)))
    def time_passes(self, seconds: int) -> None:
        self.reckoning.now += seconds

    @rule(
        actor=actors,
        wanted=st.integers(1, 8),
        slack=st.integers(-1, 9),
        refund_to=actors,
        worker=st.none() | staked,
    )
    def order(self, actor: Account, wanted: int, slack: int, refund_to: Account, worker: Account | None) -> None:
        value = max(wanted * self.reckoning.prices[1] + slack, 0)
        expected = self.reckoning.order(actor.hex, wanted, value, refund_to.hex, None, 0)
        arguments = (PROMPT_CID, MODEL_ID, wanted, 0, refund_to.hex, NOBODY, 0)
        self.act(expected, actor, COORDINATOR, "submitOrder", *arguments, value=value)
        if worker is not None:
            self.claim(worker, len(self.reckoning.jobs))

    @rule(actor=actors, node=staked, seconds=st.sampled_from([0, 100, 1000, 2 * DAY_S]))
    def reserve(self, actor: Account, node: Account, seconds: int) -> None:
        until = self.reckoning.now + seconds
        expected = self.reckoning.order(actor.hex, 4, 20, actor.hex, node.hex, until)
        arguments = (PROMPT_CID, MODEL_ID, 4, 0, NOBODY, node.hex, until)
        self.act(expected, actor, COORDINATOR, "submitOrder", *arguments, value=20)

    @rule(actor=staked, chosen=st.lists(numbers, min_size=1, max_size=5), moment=moments)
    def claim_some(self, actor: Account, chosen: list[int], moment: int | None) -> None:
        jobs = [self.pick(number, OPEN, CLAIMED) for number in chosen]
        first = self.reckoning.job(jobs[0])
        self.come_to(first.until or first.deadline, moment)
        if len(jobs) == 1:
            self.claim(actor, jobs[0])
        else:
            self.act(self.reckoning.claim_many(actor.hex, jobs), actor, COORDINATOR, "claimJobs", jobs)

    @rule(actor=holder_mostly, number=numbers, text=answers, moment=moments)
    def respond_to(self, actor: Account | None, number: int, text: str, moment: int | None) -> None:
        job = self.pick(number, CLAIMED, ANSWERED)
        self.come_to(self.reckoning.job(job).until, moment)
        self.respond(actor or self.holder_of(job), job, text)

    @rule(actor=holder_mostly, number=numbers, count=tokens, text=answers, moment=moments)
    def prove_one(
        self, actor: Account | None, number: int, count: tuple[int, int], text: str, moment: int | None
    ) -> None:
        job = self.pick(number, CLAIMED, ANSWERED)
        self.come_to(self.reckoning.job(job).until, moment)
        self.prove(actor or self.holder_of(job), job, count, text)

    @rule(number=numbers, chosen=st.lists(numbers, max_size=4), count=tokens, text=answers)
    def prove_many(self, number: int, chosen: list[int], count: tuple[int, int], text: str) -> None:
        worker, batch = self.batch(number, chosen, count, text)
        entries = [each[:3] for each in batch]
        self.act(self.reckoning.settle_many(worker.hex, entries), worker, COORDINATOR, "submitReceipts", batch)

    @rule(number=numbers, chosen=st.lists(numbers, max_size=4), forgery=forgeries)
    def forge_one_of_many(self, number: int, chosen: list[int], forgery: str) -> None:
        worker, (right, *rest) = self.batch(number, chosen, (1, 1), ANSWER)
        if not self.reckoning.job(right.job_id).is_due_from(worker.hex, self.reckoning.now):
            return
        forged, reason = self.forge(right, forgery, worker)
        batch = [forged, *rest]
        refusal = self.reckoning.refuses_many(worker.hex, [each[:3] for each in batch])
        self.act(refusal or reason, worker, COORDINATOR, "submitReceipts", batch)

    @rule(number=numbers, forgery=forgeries, count=tokens)
    def forge_one(self, number: int, forgery: str, count: tuple[int, int]) -> None:
        job = self.pick(number, CLAIMED, ANSWERED)
        worker = self.holder_of(job)
        forged, reason = self.forge(self.settlement(worker, job, count, ANSWER), forgery, worker)
        refusal = self.reckoning.refuses_receipt(worker.hex, job, forged.response_cid, forged.amount)
        self.act(refusal or reason, worker, COORDINATOR, "submitReceipt", *forged)

    @rule(actor=holder_mostly, number=numbers, cancels=st.booleans(), moment=moments)
    def end(self, actor: Account | None, number: int, cancels: bool, moment: int | None) -> None:
        job = self.pick(number, OPEN, CLAIMED, ANSWERED)
        found = self.reckoning.job(job)
        sender = actor or self.actor(found.controller)
        self.come_to(found.until if cancels or found.status == ANSWERED else found.deadline, moment)
        if cancels:
            self.act(self.reckoning.cancel(sender.hex, job), sender, COORDINATOR, "cancel", job)
        else:
            self.act(self.reckoning.expire(job), sender, COORDINATOR, "expire", job)

    @rule(actor=actors, recipient=actors)
    def withdraw(self, actor: Account, recipient: Account) -> None:
        self.act(self.reckoning.withdraw(actor.hex), actor, COORDINATOR, "withdrawTo", recipient.hex)

    @rule(
        actor=staked,
        amount=st.integers(-1, 9),
        step=st.sampled_from(("register", "add", "offer", "leave", "take")),
        moment=moments,
    )
    def node_changes(self, actor: Account, amount: int, step: str, moment: int | None) -> None:
        if step == "register":
            self.register(actor, self.reckoning.periods.min_stake + amount)
        elif step == "add":
            self.change_node(actor, "addStake", stake=amount + 1)
        elif step == "offer":
            self.change_node(actor, "postOffer", MODEL_ID, amount + 1, 1, offer=(amount + 1, 1))
        elif step == "leave":
            self.change_node(actor, "deregisterNode", leaves=True)
        else:
            node = self.reckoning.nodes.get(actor.hex)
            self.come_to(node.withdrawable_at if node else 0, moment)
            self.act(self.reckoning.take_stake(actor.hex), actor, NODES, "withdrawStake")

    @rule(actor=staked, amount=st.sampled_from([1, 2, 3, 10**18]), collects=st.booleans())
    def owner_slashes(self, actor: Account, amount: int, collects: bool) -> None:
        self.act(self.reckoning.slash(actor.hex, amount), OWNER, COORDINATOR, "slash", actor.hex, amount, "a reason")
        if collects:
            self.collect_slashed()

    @rule(new=prices, changes_verifier=st.booleans())
    def owner_changes_terms(self, new: tuple[int, int], changes_verifier: bool) -> None:
        self.reprice(new)
        if changes_verifier:
            verifier = self.network.deployment.contracts["ReceiptVerifier"].address
            self.act(None, OWNER, COORDINATOR, "addVerifier", verifier)

    @rule(amount=st.integers(1, 100))
    def ether_is_forced_in(self, amount: int) -> None:
        self.reckoning.surplus += amount
        address = self.network.deployment.contracts[COORDINATOR].address
        self.network.rpc("anvil_setBalance", address, hex(self.balance(COORDINATOR) + amount))

    @invariant()
    def the_books_balance(self) -> None:
        reckoning = self.reckoning
        escrow, credit, *credits = self.network.call_all(
            [(COORDINATOR, "openEscrow"), (COORDINATOR, "totalCredit")]
            + [(COORDINATOR, "creditOf", actor.hex) for actor in ACTORS]
        )
        assert (escrow, credit) == (reckoning.open_escrow, reckoning.total_credit)
        assert self.balance(COORDINATOR) == escrow + credit + reckoning.surplus
        assert credits == [reckoning.credit.get(actor.hex, 0) for actor in ACTORS]

    @invariant()
    def stakes_are_apart(self) -> None:
        reckoning = self.reckoning
        stake, slashed, *profiles = self.network.call_all(
            [(NODES, "totalStake"), (NODES, "slashedFunds")] + [(NODES, "nodeOf", actor.hex) for actor in ACTORS]
        )
        assert (stake, slashed) == (reckoning.total_stake, reckoning.slashed)
        assert self.balance(NODES) == stake + slashed
        stakes = {actor.hex: profile[3] for actor, profile in zip(ACTORS, profiles, strict=True) if profile[5]}
        assert stakes == {name: node.stake for name, node in reckoning.nodes.items()}

    @invariant()
    def jobs_are_as_reckoned(self) -> None:
        jobs = self.reckoning.jobs
        count, *found = self.network.call_all(
            [(COORDINATOR, "jobCount")] + [(COORDINATOR, "jobOf", number + 1) for number in range(len(jobs))]
        )
        assert count == len(jobs)
        for job, seen in zip(jobs, found, strict=True):
            assert seen[:3] == (job.controller, job.refund_to, job.status)
            if job.status in (CLAIMED, ANSWERED):
                worker, lease_until, receipt_deadline = seen[7:10]
                assert (worker, lease_until or receipt_deadline) == (job.holder, job.until)

    def everything_can_be_withdrawn(self) -> None:
        """Ends every story: no escrow, no credit and no stake stays behind, only what was forced in."""
        self.reckoning.now += 30 * DAY_S
        for number, job in enumerate(self.reckoning.jobs, 1):
            if job.status in (OPEN, CLAIMED, ANSWERED):
                self.act(self.reckoning.expire(number), OWNER, COORDINATOR, "expire", number)
        for actor in ACTORS:
            if self.reckoning.credit.get(actor.hex):
                self.withdraw(actor, actor)
            if actor.hex in self.reckoning.nodes and not self.reckoning.nodes[actor.hex].withdrawable_at:
                self.change_node(actor, "deregisterNode", leaves=True)
        self.reckoning.now += 30 * DAY_S
        for actor in ACTORS:
            if actor.hex in self.reckoning.nodes:
                self.act(self.reckoning.take_stake(actor.hex), actor, NODES, "withdrawStake")
        if self.reckoning.slashed:
            self.collect_slashed()
        for holds in (self.the_books_balance, self.stakes_are_apart, self.jobs_are_as_reckoned):
            holds()
        assert (self.balance(COORDINATOR), self.balance(NODES)) == (self.reckoning.surplus, 0)


@pytest.fixture(scope="module")
def long_lived() -> Iterator[Network]:
    """One chain for all runs: each begins from its snapshot."""
    with running(deployed()) as network:
        network.mine()  # anvil takes no earlier time than that of its start: begin from a block of now
        yield network


@pytest.mark.slow
def test_whatever_happens_the_books_balance_and_nothing_is_stuck(long_lived: Network) -> None:
    run_state_machine_as_test(
        lambda: Books(long_lived),  # type: ignore[arg-type]  # any factory will do
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
