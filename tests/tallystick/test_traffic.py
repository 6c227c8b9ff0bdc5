"""The small crowd of `up --traffic`: it asks for as long as it lives, and says once what it is declined for."""

import asyncio
import random

import pytest

from api.app import create_app
from tallystick.traffic import keep_asking
from tests.api.conftest import House, opened, serving


async def ask_until(url: str, house: House, jobs: int, said: list[str]) -> None:
    """Lets the crowd ask until there are so many jobs, or it has said something."""
    asking = asyncio.create_task(keep_asking(url, said.append, (0.0, 0.01), random.Random(7)))
    while house.explorer.queries.stats().jobs < jobs and not said:
        await house.explorer.changed(house.explorer.version, 0.05)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


@pytest.mark.slow
async def test_it_asks_again_and_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    with opened(tmp_path_factory.mktemp("house")) as house:
        house.chain.begin()
        said: list[str] = []
        with serving(create_app(house.parts())) as url:
            await ask_until(url, house, 3, said)
        assert house.explorer.queries.stats().jobs >= 3
        assert said == []


@pytest.mark.slow
async def test_it_says_why_it_is_declined_once_and_goes_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    with opened(tmp_path_factory.mktemp("house")) as house:
        house.chain.begin()
        house.chain.refusing = "nobody can pay"
        said: list[str] = []
        with serving(create_app(house.parts())) as url:
            await ask_until(url, house, 1, said)
            house.chain.refusing = ""
            await ask_until(url, house, 1, [])
        assert len(said) == 1
        assert "nobody can pay" in said[0]
        assert house.explorer.queries.stats().jobs >= 1
