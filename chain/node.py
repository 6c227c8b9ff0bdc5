"""JSON-RPC calls go in, typed answers come out: each within its deadline, repeated here or elsewhere where it helps."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self, TypeVar

from chain.effort import Effort
from chain.errors import ChainError, Denied, Retryable, TooMuch, TooSlow, Unreachable
from chain.jsonrpc import Call, Rpc, title
from chain.patience import pause_before
from chain.pool import Pool
from chain.provider import Provider, check_chain_id, read_number
from chain.settings import ChainSettings, Role
from chain.transport import HttpTransport, Transport

__all__ = ["Call", "Node"]

T = TypeVar("T")

UNREPEATABLE = ("eth_sendTransaction", "personal_", "evm_", "anvil_", "hardhat_")
"""Of calls that act each time: whether one that broke off has acted is not known, so they are not made again."""


class Node:
    """All providers of a chain as one. Use as `async with Node(settings) as node`, or `close` it."""

    def __init__(
        self,
        settings: ChainSettings,
        transport: Transport | None = None,
        effort: Effort | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self._transport = transport or HttpTransport(settings.answer_bytes_max, settings.request_timeout_s)
        self.effort = effort or Effort()
        self._chance = chance or random.Random()
        self._pool = Pool(settings, self._transport, self.effort, self._chance)
        self.place = ", ".join(each.place for each in self._pool.providers("head"))

    async def call(self, method: str, params: Sequence[object] = (), kind: Any = Any) -> Any:
        """The result of one call as `kind`. Raises a Retryable once it gave up, or a Fatal."""
        (result,) = await self.batch([Call(method, params, kind)])
        return result

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        """The results in the order of the calls; the first that failed is raised."""
        return await self._persist(calls, lambda provider: provider.ask(calls, is_strict=True))

    async def answers(self, calls: Sequence[Call]) -> list[Any]:
        """Like `batch`, with the error in the place of each call that was refused."""
        return await self._persist(calls, lambda provider: provider.ask(calls, is_strict=False))

    async def chain_id(self) -> int:
        return read_number("eth_chainId", await self.call("eth_chainId", kind=str))

    async def check_chain_id(self) -> None:
        """Raises WrongChain when another chain is served than the settings name."""
        check_chain_id(self.place, self.settings, await self.chain_id())

    def lease(self, role: Role, but_not: Collection[str] = ()) -> AbstractAsyncContextManager[Provider]:
        """The best provider for the role, except those named: a Retryable raised inside counts against it."""
        return self._pool.lease(role, but_not)

    def providers(self, role: Role) -> list[Provider]:
        """Those that serve the role, the fallbacks last."""
        return self._pool.providers(role)

    async def survey(self) -> dict[str, ChainError | None]:
        """What is wrong with each provider, by name; None where all is well."""
        return await self._pool.survey()

    def vet_with(self, check: Callable[[Rpc], Awaitable[None]]) -> None:
        """Where there are several providers, lets only those answer that pass the check: it raises WrongChain."""
        self._pool.check = check

    async def close(self) -> None:
        await self._pool.close()
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def _persist(self, calls: Sequence[Call], ask: Callable[[Provider], Awaitable[T]]) -> T:
        """Asks one provider after the other, then all again after a pause, until attempts or time are used up."""
        methods = {each.method for each in calls}
        deadline = _now() + self.settings.deadline_s
        attempt, tried = 1, set[str]()
        while True:
            leased = False
            try:
                async with asyncio.timeout_at(deadline) as limit:
                    async with self._pool.lease("head", tried, methods) as provider:
                        leased = True
                        tried.add(provider.name)
                        deadline += provider.allowance_s(calls)
                        limit.reschedule(deadline)
                        return await ask(provider)
            except TooMuch:
                raise
            except TimeoutError:
                raise TooSlow(f"{title(calls)}: no answer from {self.place} before the deadline") from None
            except (Retryable, Denied) as error:
                trouble = error
            if _may_have_acted(calls, trouble):
                raise trouble
            # a lease that fails has found nobody among the others either
            if leased and self._pool.has_other("head", tried, methods) and _now() < deadline:
                self.effort.count("retries")
                continue
            if isinstance(trouble, Denied):
                raise trouble
            pause_s = pause_before(attempt, self.settings, trouble, self._chance)
            if attempt >= self.settings.attempts or _now() + pause_s >= deadline:
                raise trouble
            self.effort.count("retries")
            with self.effort.on("waiting"):
                await asyncio.sleep(pause_s)
            attempt += 1
            if not leased or self._pool.has_tried_all("head", tried):
                tried.clear()


def _may_have_acted(calls: Sequence[Call], trouble: ChainError) -> bool:
    if isinstance(trouble, Unreachable) and trouble.kind != "reset":
        return False
    return any(each.method.startswith(UNREPEATABLE) for each in calls)


def _now() -> float:
    return asyncio.get_running_loop().time()
