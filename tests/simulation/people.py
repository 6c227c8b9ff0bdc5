"""What the contracts store comes in, what users, workers and the owner send next comes out.

Workers race: several claim the same job in one block, answer after their lease, or forget; contracts refuse what they
must, so that reverted transactions are part of every chain.
"""

import random

from tests.simulation.blocks import Transaction
from tests.simulation.chain import Chain
from tests.simulation.coordinator import ANSWERED, CLAIMED, MIN_STAKE, MODELS, NODES, OPEN, ZERO, Job

OWNER = b"\x0a" * 20
USERS = tuple(bytes([0x10 + i]) * 20 for i in range(3))
WORKERS = tuple(bytes([0x20 + i]) * 20 for i in range(3))
MODEL_IDS = ("smol", "tiny")
ACTIONS_OF_NODES = frozenset({"register", "update_node", "add_stake", "offer", "withdraw_offer", "deregister"})


class People:
    """`busy` is how much they do at a time, from 0 to 1."""

    def __init__(self, chain: Chain, chance: random.Random, busy: float) -> None:
        self._chain = chain
        self._chance = chance
        self._busy = busy
        self._sent = 0

    def found(self) -> None:
        """What comes first: models, and workers with their stakes."""
        for model_id in MODEL_IDS:
            self._send(OWNER, "register_model", model_id)
        for worker in WORKERS:
            self._send(worker, "register", 1024, value=2 * MIN_STAKE)

    def act(self) -> None:
        """Looks at the head, and sends."""
        for user in USERS:
            if self._likes(0.5):
                self._order(user)
        for job_id, job in list(self._chain.head.books.jobs.items())[-10:]:
            self._pursue(job_id, job)
        if self._likes(0.5):
            self._keep_house()

    def _likes(self, share: float) -> bool:
        return self._chance.random() < share * self._busy

    def _order(self, user: bytes) -> None:
        reserve = self._chance.choice((ZERO, ZERO, *WORKERS[:1]))
        prompt = f"Qmprompt{self._sent}" if self._likes(0.9) else "Qm\"quoted\" 'prompt' \u00e9"
        refund_to = self._chance.choice((user, USERS[0]))
        value = self._chance.choice((0, 1, 10**15, 10**18 + 7))
        self._send(user, "order", prompt, self._chance.choice(MODEL_IDS), refund_to, reserve, value=value)

    def _pursue(self, job_id: int, job: Job) -> None:
        """Everybody who could do something about a job, and sometimes who could not."""
        free = self._chain.head.books.is_free(job, self._chain.now)
        if free:
            for worker in WORKERS:
                if self._likes(0.4):
                    self._send(worker, "claim", *self._with_others(job_id))
        elif job.status == CLAIMED and self._likes(0.5):
            answer = self._chance.choice(("respond", "settle"))
            self._finish(answer, job.worker, job_id)
        elif job.status == ANSWERED and self._likes(0.6):
            self._finish("settle", job.worker, job_id, job.response)
        if job.status in (OPEN, CLAIMED, ANSWERED) and self._likes(0.06):
            self._send(job.asked.controller, "cancel", job_id)
        overdue = job.until if job.status == ANSWERED else job.terms.deadline
        if job.status in (OPEN, CLAIMED, ANSWERED) and self._chain.now > overdue and self._likes(0.8):
            self._send(USERS[1], "expire", job_id)

    def _with_others(self, job_id: int) -> tuple[int, ...]:
        return (job_id,) if self._likes(0.7) else tuple({job_id, max(1, job_id - 1)})

    def _finish(self, action: str, worker: bytes, job_id: int, given: str = "") -> None:
        response = given or f"Qmanswer{job_id}-{self._sent}"
        if action == "respond":
            self._send(worker, "respond", job_id, response)
            return
        entry = (job_id, response, self._chance.randint(0, 100))
        self._send(worker, "settle", *((entry, entry) if self._likes(0.2) else (entry,)))

    def _keep_house(self) -> None:
        """Stakes, offers, models and withdrawals: what happens beside the jobs."""
        worker, model_id = self._chance.choice(WORKERS), self._chance.choice(MODEL_IDS)
        n = self._chance.randint(1, 1000)
        sender, action, value, arguments = self._chance.choice(
            (
                (worker, "register", MIN_STAKE + n, (n,)),
                (worker, "update_node", 0, (n,)),
                (worker, "add_stake", n, ()),
                (worker, "offer", 0, (model_id, n)),
                (worker, "withdraw_offer", 0, (model_id,)),
                (worker, "deregister", 0, ()),
                (worker, "withdraw_stake", 0, ()),
                (OWNER, "slash", 0, (worker, n * 1000, "late, again")),
                (OWNER, "update_model", 0, (model_id, f"Qm{model_id}-{self._sent}")),
                (OWNER, "activate", 0, (model_id, n % 4 > 0)),
                (OWNER, "price", 0, (model_id, n, n + 1)),
                (worker, "withdraw", 0, (worker,)),
                (self._chance.choice(USERS), "withdraw", 0, (OWNER,)),
            )
        )
        self._send(sender, action, *arguments, value=value)

    def _send(self, sender: bytes, action: str, *arguments: object, value: int = 0) -> None:
        self._sent += 1
        digest = self._chance.randbytes(28) + self._sent.to_bytes(4, "big")
        transaction = Transaction(digest, sender, self._recipient(action), value, action, arguments)
        self._chain.pool.insert(
            self._chance.randint(max(0, len(self._chain.pool) - 2), len(self._chain.pool)), transaction
        )

    def _recipient(self, action: str) -> bytes:
        if action in ACTIONS_OF_NODES | {"withdraw_stake"}:
            return self._chain.addresses[NODES]
        if "model" in action or action in ("activate", "price"):
            return self._chain.addresses[MODELS]
        return self._chain.coordinator
