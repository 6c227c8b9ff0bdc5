"""Settings come in; a worker with its node, ledger, wallet, content store and engine runs until it is told to stop."""

import sys
from contextlib import AsyncExitStack
from importlib.util import find_spec

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


class NoEngine(Exception):
    """This environment lacks the engine that the settings name."""


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
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(Node(chain))
        await check_identity(node, Pins.of(deployment))
        store = await stack.enter_async_context(opened(content))
        engine = open_engine(settings)
        stack.push_async_callback(engine.close)
        ledger = open_ledger(domain, journal.KINDS)
        stack.callback(ledger.close)
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


def open_engine(settings: Settings) -> Engine:
    """The engine that the settings name, not started yet. Raises NoEngine."""
    if settings.engine == "openai":
        from worker.openai_engine import OpenAIEngine

        return OpenAIEngine(settings)
    if find_spec("vllm") is None:
        raise NoEngine(
            f"vLLM is not installed in {sys.prefix}: run the worker in its own environment, which `make setup` makes"
            " (.venv-worker/bin/tallystick work), or name a server with --engine openai --engine-url URL"
        )
    from worker.vllm_engine import VllmEngine

    return VllmEngine(settings)
