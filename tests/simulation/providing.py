"""A plan and its providers go in, the settings under which the process under test asks them come out."""

from chain.settings import ChainSettings, ProviderSettings, Role
from tests.simulation.plan import Plan
from tests.simulation.provider import Provider

ROLES: tuple[tuple[Role, ...], ...] = (("backfill", "head"), ("backfill", "head", "fallback"), ("fallback",))


def chain_settings(plan: Plan, providers: list[Provider]) -> ChainSettings:
    """One provider is named by its URL alone, as most people do; several by a section each."""
    several = providers if len(providers) > 1 else []
    return ChainSettings(
        rpc_url=providers[0].url if not several else "http://127.0.0.1:8545",
        ws_url=providers[0].ws_url if plan.socket and not several else None,
        providers=tuple(_section(plan, each, i) for i, each in enumerate(several)),
        chain_id=providers[0].chain.deployment.chain_id,
        finality=plan.finality,
        level=plan.level,
        poll_interval_s=4.0,
        batch_blocks=plan.batch_blocks,
    )


def _section(plan: Plan, provider: Provider, index: int) -> ProviderSettings:
    return ProviderSettings(
        name=provider.name,
        url=provider.url,
        ws_url=provider.ws_url if plan.socket else None,
        roles=ROLES[index % len(ROLES)],
        weight=1.0 + (index + plan.seed) % 2,
        requests_per_s=None if plan.seed % 3 else 20.0,
    )
