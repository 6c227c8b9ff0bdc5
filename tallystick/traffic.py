"""A small crowd that keeps a network alive: an API's address comes in, questions go out now and then."""

import asyncio
import random
from collections.abc import Callable

from tallystick.asking import Question, order
from tallystick.http import ApiDown, Declined, connected

QUESTIONS = (
    "What is a tally stick?",
    "Why is the sky blue?",
    "Name three prime numbers.",
    "Explain escrow to a child in two sentences.",
    "Write a haiku about receipts.",
    "What does a hash function do?",
    "Who invented double-entry bookkeeping?",
    "Give me a word that rhymes with ledger.",
)
PAUSE_S = (3.0, 15.0)
TOKENS = (16, 96)

Report = Callable[[str], None]


async def keep_asking(
    api_url: str, report: Report, pause_s: tuple[float, float] = PAUSE_S, dice: random.Random | None = None
) -> None:
    """One question after each pause. An API that declines or does not answer is asked again after the next."""
    dice, said = dice or random.Random(), ""
    while True:
        try:
            async with connected(api_url) as api:
                await order(api, Question(dice.choice(QUESTIONS), max_tokens=dice.randint(*TOKENS)))
            said = ""
        except (ApiDown, Declined) as fault:
            if str(fault) != said:
                report(f"a question of the traffic was not taken: {fault}")
            said = str(fault)
        await asyncio.sleep(dice.uniform(*pause_s))
