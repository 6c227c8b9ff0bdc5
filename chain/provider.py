"""Calls go in, and out to one endpoint: no faster, no more at once and in no larger batches than it bears."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from chain.budget import Budget
from chain.effort import Effort
from chain.errors import (
    ChainError,
    Denied,
    Distrusted,
    Garbled,
    Missing,
    Overloaded,
    Retryable,
    TooManyCalls,
    TooMuch,
    TooSlow,
    WrongChain,
)
from chain.failures import REFUSED_STATUS, of_status, of_system
from chain.gate import Gate
from chain.health import Health
from chain.jsonrpc import Call, encode, read, title
from chain.pacing import Pace
from chain.patience import pause_before
from chain.settings import ChainSettings, ProviderSettings, without_secrets
from chain.sockets import OverSocket
from chain.transport import Socket, Transport

T = TypeVar("T")

AT_ONCE_FIRST = 8
CLOCK_STEP_S = 0.001
NO_METHOD_CODE = -32601


class Provider:
    """Answers like a node does. Gives a call up at once when another provider could take over (`has_stand_in`)."""

    def __init__(
        self,
        endpoint: ProviderSettings,
        settings: ChainSettings,
        transport: Transport,
        effort: Effort,
        chance: random.Random,
    ) -> None:
        self.settings = settings
        self.name = endpoint.called
        self.place = without_secrets(endpoint.url or endpoint.ws_url or "")
        self.roles = endpoint.roles
        self.weight = endpoint.weight
        self.ws_url = endpoint.ws_url
        self.health = Health(self.name, settings, chance)
        self.lacks: set[str] = set()
        """Methods that it said it does not have."""
        self.leases = 0
        self.has_stand_in: Callable[[], bool] = lambda: False
        self.fell_ill: Callable[[Provider], None] = lambda _: None
        self._url = endpoint.url or endpoint.ws_url or ""
        self._transport = transport if endpoint.url else OverSocket(transport)
        self._owns_transport = endpoint.url is None
        self._must_reach = 0
        self._effort = effort
        self._chance = chance
        self._budget = Budget(endpoint.requests_per_s)
        self._gate = Gate(AT_ONCE_FIRST, settings.requests_at_once)
        self._batch = Pace(1, settings.batch_calls, settings.batch_calls)
        self._batch_max = max(1, int(endpoint.requests_per_s or settings.batch_calls))
        self._closed_until = 0.0

    async def call(self, method: str, params: Sequence[object] = (), kind: Any = Any) -> Any:
        """The result of one call as `kind`. Raises a Retryable once it gave up, or a Fatal."""
        (result,) = await self.batch([Call(method, params, kind)])
        return result

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        """The results in the order of the calls; the first that failed is raised."""
        return await self._persist(calls, is_strict=True)

    async def answers(self, calls: Sequence[Call]) -> list[Any]:
        """Like `batch`, with the error in the place of each call that was refused."""
        return await self._persist(calls, is_strict=False)

    async def chain_id(self) -> int:
        return read_number("eth_chainId", await self.call("eth_chainId", kind=str))

    async def check_chain_id(self) -> None:
        """Raises WrongChain when it serves another chain than the settings name."""
        check_chain_id(self.place, self.settings, await self.chain_id())

    async def probe(self) -> None:
        """Asks once for what it serves, and how far. Raises what is wrong with that."""
        calls = [Call("eth_chainId", kind=str), Call("eth_blockNumber", kind=str)]
        chain_id, head = await self.ask(calls, is_strict=True)
        check_chain_id(self.place, self.settings, read_number("eth_chainId", chain_id))
        if read_number("eth_blockNumber", head) < self._must_reach:
            lagging = Missing(f"{self.place} is at block {int(head, 16)}, the chain at {self._must_reach} or above")
            self.blame(lagging)
            raise lagging

    def lags(self, head: int, others: int) -> None:
        """It stands at a head while others went on: it is asked again once it has got there."""
        self._must_reach = others
        self.blame(Distrusted(f"{self.place} stands still at block {head}, others are at {others}"))

    async def connect(self) -> Socket:
        """Its WebSocket."""
        if self.ws_url is None:
            raise Denied(f"{self.place} has no WebSocket: set its ws_url")
        async with asyncio.timeout(self.settings.request_timeout_s):
            return await self._transport.connect(self.ws_url)

    async def close(self) -> None:
        """Ends what is its own: the socket that it is asked through, if it is."""
        if self._owns_transport:
            await self._transport.close()

    async def ask(self, calls: Sequence[Call], is_strict: bool) -> list[Any]:
        """One attempt. What it takes no more of at once is asked for in parts."""
        closed_s = self._closed_until - _now()
        if closed_s > CLOCK_STEP_S:
            raise Overloaded(f"{self.place} asked us to come back in {closed_s:.1f} s", closed_s, "429")
        size = min(self._batch.now, self._batch_max)
        if len(calls) <= size:
            return await self._ask_part(calls, is_strict)
        parts = [self._ask_part(calls[i : i + size], is_strict) for i in range(0, len(calls), size)]
        return [result for part in await _all_or_first_error(parts) for result in part]

    def allowance_s(self, calls: Sequence[Call]) -> float:
        """How long our own budget holds these calls back: that time is not held against a deadline."""
        return self._budget.wait_s(len(calls), _now())

    def blame(self, error: ChainError) -> None:
        """Counts what went wrong against it, also when only its caller could see that."""
        if not isinstance(error, TooMuch):
            self.health.failed(error, _now())
            self.fell_ill(self)

    async def _ask_part(self, calls: Sequence[Call], is_strict: bool) -> list[Any]:
        if not calls:
            return []
        try:
            results = await self._exchange(calls, is_strict)
        except TooManyCalls as error:
            self._count(error)
            if len(calls) == 1:
                raise
            self._batch = self._batch.shrunk(error.suggested or len(calls) // 2, len(calls), is_lasting=True)
            return await self.ask(calls, is_strict)
        except ChainError as error:
            self._count(error)
            self._learn(calls, error)
            raise
        self._gate.widen()
        self.health.worked(_now())
        return results

    async def _exchange(self, calls: Sequence[Call], is_strict: bool) -> list[Any]:
        await self._keep_to_budget(len(calls))
        async with self._gate:
            self._effort.count("requests")
            timeout_s = min(self.settings.request_timeout_s, self.settings.deadline_s)
            try:
                async with asyncio.timeout(timeout_s):
                    reply = await self._transport.post(self._url, encode(calls), timeout_s)
            except TimeoutError:
                raise TooSlow(f"{title(calls)}: no answer from {self.place} in {timeout_s:.1f} s") from None
            except OSError as error:
                raise of_system(self.place, error) from None
        if reply.status >= REFUSED_STATUS:
            raise of_status(self.place, calls, reply)
        return read(calls, reply.body, is_strict)

    async def _keep_to_budget(self, calls: int) -> None:
        pause_s = self._budget.take(calls, _now())
        if pause_s:
            try:
                with self._effort.on("waiting"):
                    await asyncio.sleep(pause_s)
            except asyncio.CancelledError:
                self._budget.give_back(calls)
                raise

    def _count(self, error: ChainError) -> None:
        self._effort.count("provider_errors", error.kind)

    def _learn(self, calls: Sequence[Call], error: ChainError) -> None:
        """What a failure says of the provider: too fast for it, a method it lacks, not well at all."""
        if isinstance(error, Overloaded) and error.kind == "429":
            self._gate.narrow()
            self._closed_until = max(self._closed_until, _now() + (error.retry_after_s or 0.0))
        if isinstance(error, Denied) and error.code == NO_METHOD_CODE and len(calls) == 1:
            self.lacks.add(calls[0].method)
        elif isinstance(error, Denied) or (isinstance(error, Retryable) and not isinstance(error, TooMuch)):
            self.blame(error)
        else:
            self.health.worked(_now())  # it answered

    async def _persist(self, calls: Sequence[Call], is_strict: bool) -> list[Any]:
        deadline = _now() + self.settings.deadline_s + self.allowance_s(calls)
        for attempt in range(1, self.settings.attempts + 1):
            try:
                async with asyncio.timeout_at(deadline):
                    return await self.ask(calls, is_strict)
            except TooMuch:
                raise
            except TimeoutError:
                raise TooSlow(f"{title(calls)}: no answer from {self.place} before the deadline") from None
            except Retryable as error:
                pause_s = pause_before(attempt, self.settings, error, self._chance)
                if attempt == self.settings.attempts or _now() + pause_s >= deadline or self.has_stand_in():
                    raise
            self._effort.count("retries")
            with self._effort.on("waiting"):
                await asyncio.sleep(pause_s)
        raise AssertionError("settings allow one attempt or more")


def read_number(method: str, text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise Garbled(f"{method}: {text!r} is not a hex number") from None


def check_chain_id(place: str, settings: ChainSettings, found: int) -> None:
    """Raises WrongChain when the settings name another chain than was found."""
    if settings.chain_id is not None and found != settings.chain_id:
        raise WrongChain(f"{place} serves chain {found}, expected {settings.chain_id}: correct rpc_url or chain_id")


async def _all_or_first_error(parts: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results in order; once one fails the others are cancelled and its error is raised."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()
