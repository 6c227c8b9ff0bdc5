"""Settings come in; a worker with its node, ledger, wallet, content store and engine runs until it is told to stop."""

from chain.identity import Pins, check_identity
from chain.node import Node
from chain.settings import ChainSettings
from chain.signing import Signer
from domain.settings import DomainSettings
from receipts.deployment import Deployment
from receipts.settings import ReceiptSettings
from tallystick.content import ContentSettings, opened
from tallystick.onchain import open_ledger
from worker import journal, service
from worker.engine import Engine
from worker.settings import Settings


async def work(
    settings: Settings,
    chain: ChainSettings,
    domain: DomainSettings,
    receipts: ReceiptSettings,
    content: ContentSettings,
    deployment: Deployment,
    signer: Signer,
) -> None:
    """Runs one worker until SIGTERM or SIGINT. Raises what no waiting will mend."""
    ledger = open_ledger(domain, journal.KINDS)
    engine = open_engine(settings)
    try:
        async with Node(chain) as node, opened(content) as store:
            await check_identity(node, Pins.of(deployment))
            parts = service.Parts(
                node=node,
                deployment=deployment,
                ledger=ledger,
                signer=signer,
                content=store,
                engine=engine,
                receipts=receipts,
            )
            await service.run(settings, parts)
    finally:
        await engine.close()
        ledger.close()


def open_engine(settings: Settings) -> Engine:
    """The engine that the settings name, not started yet."""
    if settings.engine == "openai":
        from worker.openai_engine import OpenAIEngine

        return OpenAIEngine(settings)
    from worker.vllm_engine import VllmEngine

    return VllmEngine(settings)
