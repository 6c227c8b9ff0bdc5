"""A worker in a process of its own that kills itself, as `kill -9` would, just before or after a fact is recorded.

Run as `python -m tests.worker.mortal WILL`, where WILL is the JSON of a `Will`.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from chain.node import Node
from chain.settings import ChainSettings
from chain.signing import Signer
from domain.ledger import Ledger, Recorded
from receipts.content.store import BlockStore
from receipts.deployment import load
from receipts.settings import ReceiptSettings
from worker.journal import KINDS
from worker.openai_engine import OpenAIEngine
from worker.service import Parts, run
from worker.settings import Settings


class Will(msgspec.Struct, frozen=True):
    """How to work, and when to die: at the first fact of this tag, `is_before` it is recorded or after."""

    deployment: str
    key: str
    ledger: str
    content: str
    settings: Settings
    chain: ChainSettings
    tag: str = ""
    is_before: bool = False


class MortalLedger(Ledger):
    """A ledger that takes its process with it."""

    def __init__(self, will: Will) -> None:
        super().__init__(will.ledger, KINDS)
        self._will = will

    def record(self, *facts: Recorded) -> int:
        is_time = any(fact.fact.__struct_config__.tag == self._will.tag for fact in facts)
        if is_time and self._will.is_before:
            os.kill(os.getpid(), signal.SIGKILL)
        position = super().record(*facts)
        if is_time:
            os.kill(os.getpid(), signal.SIGKILL)
        return position


async def live(will: Will) -> None:
    deployment = load(Path(will.deployment))
    parts: dict[str, Any] = {
        "deployment": deployment,
        "ledger": MortalLedger(will),
        "signer": Signer(bytes.fromhex(will.key), deployment.chain_id),
        "content": BlockStore(Path(will.content)),
        "engine": OpenAIEngine(will.settings),
        "receipts": ReceiptSettings(),
    }
    async with Node(will.chain) as node:
        print("alive", flush=True)
        await run(will.settings, Parts(node=node, **parts))
        await parts["engine"].close()


if __name__ == "__main__":
    asyncio.run(live(msgspec.json.decode(sys.argv[1], type=Will)))
