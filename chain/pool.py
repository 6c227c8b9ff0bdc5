"""Providers go in, the one to ask comes out: the best that is well, for the role.

Who fell ill is probed apart from the calls, and asked again once it works. Each is vetted before its first call: one
of another chain is left out, by name, and the others go on.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager

from chain.effort import Effort
from chain.errors import ChainError, Distrusted, Retryable, TooMuch, Unreachable, WrongChain
from chain.provider import Provider
from chain.settings import ChainSettings, Role
from chain.transport import Transport

log = logging.getLogger(__name__)


class Pool:
    """The providers of one chain. With a single one nothing is vetted or probed: it is asked, well or not."""

    def __init__(self, settings: ChainSettings, transport: Transport, effort: Effort, chance: random.Random) -> None:
        self._effort = effort
        self._providers = [Provider(each, settings, transport, effort, chance) for each in settings.endpoints]
        self._by_weight = sorted(self._providers, key=lambda each: -each.weight)
        self._is_choice = len(self._providers) > 1
        self.check: Callable[[Provider], Awaitable[None]] | None = None
        """What a provider is vetted by, beside its chain id."""
        self._vetted: set[str] = set()
        self._healing: dict[str, asyncio.Task[None]] = {}
        for provider in self._providers:
            provider.health.changed = self._tell
        self._tell()
        if self._is_choice:
            for provider in self._providers:
                provider.has_stand_in = lambda one=provider: self._could_replace(one)  # type: ignore[misc]
                provider.fell_ill = self._heal

    def providers(self, role: Role) -> list[Provider]:
        """Those with the role that are not excluded, the heaviest first, the fallbacks last."""
        return [each for tier in self._tiers(role) for each in tier]

    def choose(self, role: Role, but_not: Collection[str] = (), methods: Collection[str] = ()) -> Provider:
        """The best for the role that has the methods; who is ill only if nobody is well.

        Raises WrongChain if all were excluded, Unreachable if `but_not` leaves none.
        """
        tiers = [[each for each in tier if each.name not in but_not] for tier in self._tiers(role)]
        able = [[each for each in tier if not each.lacks.intersection(methods)] for tier in tiers]
        tiers = able if any(able) else tiers
        for tier in tiers:
            if well := [each for each in tier if each.health.is_well]:
                return _best(role, well)
        if ill := [each for tier in tiers for each in tier]:
            return min(ill, key=lambda each: each.health.rests_until)
        raise self._none_left(role, but_not)

    def has_other(self, role: Role, but_not: Collection[str], methods: Collection[str] = ()) -> bool:
        """Whether one that is well is left besides those."""
        return any(
            each.health.is_well and each.name not in but_not and not each.lacks.intersection(methods)
            for each in self.providers(role)
        )

    def has_tried_all(self, role: Role, tried: Collection[str]) -> bool:
        return all(each.name in tried for each in self.providers(role))

    @asynccontextmanager
    async def lease(
        self, role: Role, but_not: Collection[str] = (), methods: Collection[str] = ()
    ) -> AsyncIterator[Provider]:
        """The provider to ask for a while. A Retryable raised meanwhile counts against it, WrongChain for good."""
        provider = await self._vetted_choice(role, but_not, methods)
        provider.leases += 1
        try:
            yield provider
        except WrongChain as error:
            self._exclude(provider, error)
            raise Distrusted(f"{error}; the others go on") from error
        except TooMuch:
            raise
        except Retryable as error:
            provider.blame(error)
            raise
        finally:
            provider.leases -= 1

    async def survey(self) -> dict[str, ChainError | None]:
        """Probes every provider, at once."""
        told = await asyncio.gather(*[each.probe() for each in self._providers], return_exceptions=True)
        return {
            each.name: error if isinstance(error, ChainError) else None
            for each, error in zip(self._providers, told, strict=True)
        }

    async def close(self) -> None:
        for provider in self._providers:
            provider.health.close()
        tasks = list(self._healing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *[each.close() for each in self._providers], return_exceptions=True)

    def _tiers(self, role: Role) -> list[list[Provider]]:
        left = [each for each in self._by_weight if each.health.excluded is None]
        own = [each for each in left if role in each.roles]
        return [own, [each for each in left if "fallback" in each.roles and each not in own]]

    async def _vetted_choice(self, role: Role, but_not: Collection[str], methods: Collection[str]) -> Provider:
        passed_over, trouble = set(but_not), None
        while True:
            if trouble is not None and self.has_tried_all(role, passed_over):
                raise trouble
            provider = self.choose(role, passed_over, methods)
            if not self._is_choice or provider.name in self._vetted:
                return provider
            try:
                await self._vet(provider)
            except WrongChain as error:
                self._exclude(provider, error)
            except ChainError as error:
                passed_over.add(provider.name)
                trouble = error

    async def _vet(self, provider: Provider) -> None:
        await provider.probe()
        if self.check is not None:
            await self.check(provider)
        self._vetted.add(provider.name)

    def _exclude(self, provider: Provider, error: WrongChain) -> None:
        """Raises the error itself when nobody else is left."""
        if not self._is_choice or all(each.health.excluded for each in self._providers if each is not provider):
            raise error
        provider.health.exclude(str(error))

    def _none_left(self, role: Role, but_not: Collection[str]) -> ChainError:
        excluded = [each for each in self._providers if each.health.excluded]
        if len(excluded) == len(self._providers):
            return WrongChain("; ".join(f"{each.name}: {each.health.excluded}" for each in excluded))
        besides = f" besides {', '.join(sorted(but_not))}" if but_not else ""
        return Unreachable(f"no provider for {role}{besides}: name another in [[chain.providers]]")

    def _tell(self) -> None:
        self._effort.note("providers", len(self._providers))
        self._effort.note("providers_well", sum(each.health.is_well for each in self._providers))

    def _could_replace(self, provider: Provider) -> bool:
        return any(
            other.health.is_well and other is not provider and {"fallback", *provider.roles}.intersection(other.roles)
            for other in self._providers
        )

    def _heal(self, provider: Provider) -> None:
        self._vetted.discard(provider.name)
        running = self._healing.get(provider.name)
        if running is None or running.done():
            self._healing[provider.name] = asyncio.create_task(self._probe(provider))

    async def _probe(self, provider: Provider) -> None:
        """Asks until it is well again or proves to be of another chain."""
        health = provider.health
        while not health.is_well and health.excluded is None:
            await asyncio.sleep(max(0.0, health.rests_until - asyncio.get_running_loop().time()))
            try:
                await self._vet(provider)
            except WrongChain as error:
                provider.health.exclude(str(error))
            except ChainError as error:
                log.debug("provider %s is still ill: %s", provider.name, error)


def _best(role: Role, well: Sequence[Provider]) -> Provider:
    """At the head one and the same, so that it is one story that is told; a backfill is shared out by weight."""
    if role == "backfill":
        return min(well, key=lambda each: (each.leases + 1) / each.weight)
    return well[0]
