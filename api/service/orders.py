"""Orders: a question and its key come in, the job that answers it goes out, one job for one key whatever happens.

The order is recorded in the ledger before its transaction leaves, and the transaction is known to the relayer by the
order's key: whoever comes back, the client with the same key or this process after a crash, meets the same job.
"""

import asyncio
import hashlib
import logging
import re

from msgspec import UNSET, Struct, UnsetType

from api.service.gas import GasDesk
from api.service.jobs import Jobs
from api.service.ports import ChainUnready, Order, Orders
from api.service.quoting import Quote, at_offer, check_value, choose, quote
from api.service.refusals import Clashing, Invalid
from api.settings import ApiSettings
from domain.facts import JobOrdered, TransactionSigned, Wei
from domain.ledger import Conflict, Ledger, Recorded, streams
from indexer.explorer.explorer import Explorer
from indexer.explorer.rows import JobRow
from receipts.canonical import encode
from receipts.content.access import Content
from receipts.request import BadRequest, Request, check, encode_request

KEY = re.compile(r"[\x21-\x7e]{1,255}")
RESUME_PAGE = 1_000
MODELS_MAX = 1_000

_log = logging.getLogger(__name__)


class BadKey(Invalid):
    """The idempotency key is malformed."""


class KeyReused(Clashing):
    """The key already stands for another order."""

    remedy = "Use a new Idempotency-Key for a new order; repeat a key only with exactly the same order."


class BadPrompt(Invalid):
    """The prompt cannot be answered."""


class PromptTooLong(Invalid):
    """The prompt is longer than this server takes."""


class Question(Struct, frozen=True, kw_only=True):
    """What somebody asks of the network; `value` is the most it may cost, in wei, None for whatever the quote says.

    `worker` is the `0x` address of the node to reserve it for. Left out it is not encoded, as it was not before there
    was one: a key stands for the same order still.
    """

    request: Request
    model: str | None = None
    value: int | None = None
    worker: str | UnsetType = UNSET


class Placed(Struct, frozen=True):
    """The job an order became; `replayed` when the order had been placed before."""

    job: JobRow
    replayed: bool


class OrderDesk:
    """Takes orders and sees them through to their jobs."""

    def __init__(
        self,
        ledger: Ledger,
        explorer: Explorer,
        jobs: Jobs,
        content: Content,
        orders: Orders,
        gas: GasDesk,
        settings: ApiSettings,
    ) -> None:
        self._ledger, self._explorer, self._jobs = ledger, explorer, jobs
        self._content, self._orders, self._gas, self._settings = content, orders, gas, settings
        self._placing: dict[str, asyncio.Task[int]] = {}

    async def quote(
        self, named: str | None, prompt_tokens: int, max_tokens: int | None, worker: str | None = None
    ) -> Quote:
        """Raises UnknownModel, InactiveModel, NoOffer, TokensOutOfRange, ChainUnready."""
        models = await asyncio.to_thread(self._explorer.queries.models, limit=MODELS_MAX)
        model = choose(models.rows, named, self._settings.default_model)
        if worker is not None:
            model = at_offer(model, worker, await asyncio.to_thread(self._explorer.queries.node, worker))
        wanted = max_tokens or min(self._settings.default_max_tokens, model.max_tokens)
        return quote(model, prompt_tokens, wanted, await self._gas.floor())

    async def place(self, question: Question, key: str) -> Placed:
        """Returns once the job is indexed: who placed an order reads it everywhere. Raises what the rules here say."""
        if not KEY.fullmatch(key):
            raise BadKey(f"the key {key[:64]!r} is not 1 to 255 visible ASCII characters", "Send a UUID.")
        digest = hashlib.sha256(encode(question)).digest()
        recorded = await asyncio.to_thread(self._recorded, key)
        replayed = recorded is not None
        fact = recorded or await self._record(question, key, digest)
        if fact.body_digest != digest:
            raise KeyReused(f"the key {key!r} was used for another order")
        return Placed(await self._see_through(key, fact), replayed)

    async def resume(self) -> int:
        """Sends the orders that a crash left unsent; how many. What the relayer has signed, it resends by itself."""
        unsent = await asyncio.to_thread(self._unsent)
        for key, fact in unsent:
            self._send(key, fact)
        return len(unsent)

    async def _record(self, question: Question, key: str, digest: bytes) -> JobOrdered:
        document, quoted, value = await self._priced(question)
        cid = await self._content.put(document)
        worker = b"" if question.worker is UNSET else bytes.fromhex(question.worker[2:])
        name = quoted.model.model_id
        fact = JobOrdered(digest, cid, name, quoted.max_tokens, Wei(value), transaction_key(key), worker)
        try:
            await asyncio.to_thread(self._ledger.record, Recorded(streams.job_order(key), 1, fact))
        except Conflict:  # somebody with the same key was faster
            return await asyncio.to_thread(self._recorded, key) or fact
        return fact

    async def _priced(self, question: Question) -> tuple[bytes, Quote, int]:
        document = request_bytes(question.request, self._settings.prompt_bytes_max)
        tokens = prompt_tokens_max(question.request, self._settings)
        worker = None if question.worker is UNSET else question.worker
        quoted = await self.quote(question.model, tokens, question.request.max_tokens, worker)
        value = quoted.amount if question.value is None else question.value
        check_value(quoted, value)
        return document, quoted, value

    async def _see_through(self, key: str, fact: JobOrdered) -> JobRow:
        wait_s = self._settings.order_wait_s
        remedy = f"Nothing is lost: send the same order with Idempotency-Key {key} to learn its job."
        try:
            job_id = await asyncio.wait_for(asyncio.shield(self._send(key, fact)), wait_s)
        except TimeoutError:
            raise ChainUnready(f"the order's transaction was not mined within {wait_s:g} s", remedy) from None
        job = await self._jobs.wait(job_id, lambda row: row is not None, wait_s)
        if job is None:
            raise ChainUnready(f"job {job_id} is mined but was not indexed within {wait_s:g} s", remedy)
        return job

    def _send(self, key: str, fact: JobOrdered) -> asyncio.Task[int]:
        """One task a key, however many wait for it; it goes on when they leave."""
        if (running := self._placing.get(key)) is not None:
            return running
        order = Order(
            fact.transaction_key, fact.prompt_cid, fact.model_id, fact.max_tokens, fact.value,
            fact.worker, self._settings.reservation_s,
        )  # fmt: skip
        task = asyncio.ensure_future(self._orders.place(order))
        self._placing[key] = task
        task.add_done_callback(lambda done: self._sent(key, done))
        return task

    def _sent(self, key: str, task: asyncio.Task[int]) -> None:
        self._placing.pop(key, None)
        if not task.cancelled() and (fault := task.exception()) is not None:
            _log.warning("order %s was not placed: %s", key, fault)

    def _recorded(self, key: str) -> JobOrdered | None:
        newest = self._ledger.newest(streams.job_order(key))
        return newest.fact if newest and isinstance(newest.fact, JobOrdered) else None

    def _unsent(self) -> list[tuple[str, JobOrdered]]:
        """Orders without a signed transaction among the newest facts: those in flight at a crash are the last ones."""
        ordered: dict[str, tuple[str, JobOrdered]] = {}
        position = max(0, self._ledger.position() - self._settings.resume_orders_facts)
        while page := self._ledger.after(position, RESUME_PAGE):
            for position, recorded in page:  # noqa: B007
                if isinstance(recorded.fact, JobOrdered):
                    key = recorded.originator_id.removeprefix(streams.job_order(""))
                    ordered[recorded.fact.transaction_key] = key, recorded.fact
                elif isinstance(recorded.fact, TransactionSigned):
                    ordered.pop(recorded.fact.key, None)
        return list(ordered.values())


def transaction_key(key: str) -> str:
    """The relayer's name for the transaction of an order."""
    return f"order:{key}"


def request_bytes(request: Request, bytes_max: int) -> bytes:
    """What the prompt's CID will stand for. Raises BadPrompt, PromptTooLong."""
    try:
        check(request)
        document = encode_request(request)
    except BadRequest as fault:
        raise BadPrompt(str(fault)) from None
    if len(document) > bytes_max:
        raise PromptTooLong(f"the prompt has {len(document)} bytes, at most {bytes_max} are taken", "Shorten it.")
    return document


def prompt_tokens_max(request: Request, settings: ApiSettings) -> int:
    """A bound that no byte-level tokenizer passes: one token a byte, and what the chat template adds."""
    conversation = request.conversation
    said = sum(len(message.content.encode()) for message in conversation)
    return said + len(conversation) * settings.message_tokens + settings.template_tokens
