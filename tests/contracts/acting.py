"""An action comes in with what should come of it; it is done on the chain at the time reckoned with, and compared."""

from typing import Any

from receipts.poseidon import FIELD
from receipts.statement import Terms
from tests.contracts.notary import Notary, Settlement
from tests.contracts.reckoning import Periods, Reckoning
from tests.contracts.terms import ANSWERED, CLAIMED
from tests.network import MODEL_ID, OWNER, Account, Network, development_account

COORDINATOR, NODES, MODELS = "InferenceCoordinator", "NodeProfileRegistry", "ModelRegistry"
ACTORS = [development_account(index) for index in range(1, 6)]
GAS = 5_000_000


class Acting:
    """The network, what is reckoned of it, and the steps that more than one rule takes."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.notary = Notary(network.deployment.coordinator)
        self.reckoning = reckoning_of(network)

    def register(self, actor: Account, stake: int) -> None:
        expected = self.reckoning.register(actor.hex, stake)
        self.act(expected, actor, NODES, "registerNode", 1024, 0, 50, value=stake)

    def change_node(
        self,
        actor: Account,
        function: str,
        *arguments: Any,
        stake: int = 0,
        offer: tuple[int, int] | None = None,
        leaves: bool = False,
    ) -> None:
        expected = self.reckoning.change_node(actor.hex, stake, offer, leaves)
        self.act(expected, actor, NODES, function, *arguments, value=stake)

    def collect_slashed(self) -> None:
        self.act(self.reckoning.collect_slashed(), OWNER, NODES, "withdrawSlashed", OWNER.hex)

    def reprice(self, new: tuple[int, int]) -> None:
        self.reckoning.prices = new
        self.act(None, OWNER, MODELS, "setPrices", MODEL_ID, *new)

    def claim(self, actor: Account, job: int) -> None:
        self.act(self.reckoning.claim(actor.hex, job), actor, COORDINATOR, "claim", job)

    def respond(self, actor: Account, job: int, answer: str) -> None:
        self.act(self.reckoning.respond(actor.hex, job, answer), actor, COORDINATOR, "submitResponse", job, answer)

    def prove(self, actor: Account, job: int, count: tuple[int, int], answer: str) -> None:
        settlement = self.settlement(actor, job, count, answer)
        expected = self.reckoning.settle(actor.hex, job, answer, settlement.amount)
        self.act(expected, actor, COORDINATOR, "submitReceipt", *settlement)

    def settlement(self, actor: Account, job: int, count: tuple[int, int], answer: str) -> Settlement:
        terms = Terms(*self.reckoning.job(job).terms)
        allowed = (count[0], min(count[1], terms.max_tokens))
        return self.notary.settle(job, actor.address, terms.pack(), allowed, answer)

    def batch(
        self, number: int, chosen: list[int], count: tuple[int, int], answer: str
    ) -> tuple[Account, list[Settlement]]:
        """Settlements by the holder of one job: of this one, and of others whoever holds them."""
        first = self.pick(number, CLAIMED, ANSWERED)
        worker = self.holder_of(first)
        return worker, [self.settlement(worker, job, count, answer) for job in (first, *map(self.pick, chosen))]

    def forge(self, right: Settlement, forgery: str, holder: Account) -> tuple[Settlement, str]:
        """A settlement that is wrong in one thing, and what the contract says to it."""
        if forgery == "other worker":
            other = next(actor for actor in ACTORS if actor != holder)
            return self.settlement(other, right.job_id, (1, 1), right.response_cid), "invalid proof"
        if forgery == "amount":
            return right._replace(amount=right.amount + 1), "invalid proof"
        if forgery == "commitment":
            return right._replace(commitment=(right.commitment + 1) % FIELD), "invalid proof"
        if forgery == "modulus":
            above = right._replace(commitment=right.commitment + FIELD)
            return above, "an input is not below the field's modulus"
        return right._replace(proof=(right.proof[0] + 1, *right.proof[1:])), ""

    def come_to(self, end: int, late: int | None) -> None:
        """Goes to a second around the last one of a term, if that is ahead."""
        if late is not None:
            self.reckoning.now = max(self.reckoning.now, end + late)

    def pick(self, number: int, *preferred: int) -> int:
        """The id of a job, of one in a preferred state if there is any, counted from the newest."""
        jobs = range(1, len(self.reckoning.jobs) + 1)
        chosen = [job for job in jobs if self.reckoning.job(job).status in preferred] or jobs
        return chosen[-1 - number % len(chosen)]

    def holder_of(self, job: int) -> Account:
        """Whom the job is reserved for, leased to or due from, or else anybody."""
        return self.actor(self.reckoning.job(job).holder or ACTORS[0].hex)

    def actor(self, name: str) -> Account:
        return next(actor for actor in ACTORS if actor.hex == name)

    def act(
        self, expected: str | None, sender: Account, contract: str, function: str, *arguments: Any, value: int = 0
    ) -> None:
        """Does it on the chain, at the time reckoned with, and compares what comes of it."""
        self.network.rpc("evm_setNextBlockTimestamp", hex(self.reckoning.now))
        sent = self.network.send(sender, contract, function, *arguments, value=value, gas=GAS)
        refusal = None
        if self.network.mined(sent)["status"] != "0x1":
            trace = self.network.rpc("debug_traceTransaction", sent, {"tracer": "callTracer"})
            refusal = trace.get("revertReason", "")
        agrees = refusal is None if expected is None else refusal is not None and refusal.startswith(expected)
        assert agrees, f"{function}{arguments}: {refusal!r}, should be {expected!r}"

    def balance(self, contract: str) -> int:
        return int(
            self.network.rpc("eth_getBalance", self.network.deployment.contracts[contract].address, "latest"), 16
        )


def reckoning_of(network: Network) -> Reckoning:
    """The state and the periods that the deployment begins with."""
    periods = Periods(
        **{name: network.call(COORDINATOR, name) for name in ("lease_s", "receipt_window_s", "order_lifetime_s")},
        unbonding_s=network.call(NODES, "unbonding_s"),
        min_stake=network.call(NODES, "minStake"),
    )
    now = int(network.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    return Reckoning(periods, prices=(0, 0), max_tokens=1024, now=now)
