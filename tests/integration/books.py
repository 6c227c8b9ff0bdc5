"""A house at the end of its test comes in: each job answered and paid once, money that adds up at every block, and a
fresh index of the same chain that holds the same rows. Every test here ends with this."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import duckdb
from msgspec import Struct

from chain.contracts import Contracts
from chain.node import Call, Node
from domain.settings import DomainSettings
from indexer.explorer import Digest, digest_of_chain
from indexer.settings import IndexerSettings
from tallystick.indexing import IndexSettings, open_index
from tests.integration.harness import House, eventually
from tests.worker.lab import WAIT_S


class Money(Struct, frozen=True):
    """Wei that the contracts owe: escrow of open jobs, credit to be withdrawn, stakes of nodes."""

    open_escrow: int
    credit: int
    stakes: int


async def close_the_books(house: House, *jobs: int) -> None:
    """Stops everything that still runs and checks what it leaves behind; `jobs` are all that were to be paid."""
    await come_to_rest(house)
    await assert_balanced(house, *jobs)


async def come_to_rest(house: House) -> None:
    """Stops every process, once all that happened is final and indexed."""
    await house.stop(*filter(house.lives, house.workers))
    house.network.mine(house.depth + 1)
    if not house.lives("serve"):
        await house.start("serve")
    await all_is_final(house)
    await house.stop("serve")


async def assert_balanced(house: House, *jobs: int) -> None:
    assert sorted(house.completed()) == sorted(jobs), "each job is answered once"
    assert sorted(house.paid()) == sorted(jobs), "each job is paid once"
    await assert_money_adds_up(house)
    assert indexed(house.database) == await indexed_afresh(house, house.folder / "fresh.duckdb")


async def all_is_final(house: House) -> None:
    """Returns when serve holds everything that happened to be final, and shows it."""
    last = house.height - house.depth

    async def is_final() -> bool:
        async with house.api() as http:
            return bool((await http.get("/explorer/v1/stats")).json()["head"]["final"] >= last)

    await eventually(is_final, f"block {last} is final")


async def assert_money_adds_up(house: House) -> None:
    """At every block of the test: what was indexed is what the contracts say, and the balances cover it."""
    rows = money_by_block(house.database)
    shown = Money(0, 0, 0)
    async with Node(house.chain) as node:
        contracts = Contracts(node, house.network.deployment)
        for number in range(house.first_block, house.height + 1):
            shown = rows.get(number, shown)
            told, held, staked = await money_on_chain(node, contracts, number)
            assert shown == told, f"block {number}"
            assert held >= told.open_escrow + told.credit, f"block {number}: the coordinator holds too little"
            assert staked >= told.stakes, f"block {number}: the registry holds too little"
        for address, credit in credits_of(house.database).items():
            assert credit == await contracts.credit_of(bytes.fromhex(address[2:])), f"credit of {address}"


async def money_on_chain(node: Node, contracts: Contracts, number: int) -> tuple[Money, int, int]:
    """The contracts' own figures after a block, and the balances of coordinator and node registry."""
    escrow, credit, stakes = await contracts.read(
        contracts.coordinator.view("openEscrow"),
        contracts.coordinator.view("totalCredit"),
        contracts.nodes.view("totalStake"),
        at=number,
    )
    accounts = ("0x" + contract.address.hex() for contract in (contracts.coordinator, contracts.nodes))
    held, staked = await node.batch([Call("eth_getBalance", [account, hex(number)], str) for account in accounts])
    return Money(escrow, credit, stakes), int(held, 16), int(staked, 16)


def money_by_block(database: Path) -> dict[int, Money]:
    """What the index holds after each block that touched us."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.execute("SELECT number, open_escrow, credit, stakes FROM blocks").fetchall()
    return {number: Money(*map(int, figures)) for number, *figures in found}


def credits_of(database: Path) -> dict[str, int]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return dict(connection.execute("SELECT address, credit FROM accounts").fetchall())


def indexed(database: Path) -> Digest:
    """The fingerprint of everything final that follows from the chain."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return digest_of_chain(connection)


async def indexed_afresh(house: House, database: Path) -> Digest:
    """The same fingerprint, after following the whole chain from its first block into new files."""
    upto = house.height - house.depth
    settings = IndexSettings(
        chain=house.chain,
        domain=DomainSettings(ledger_url=f"sqlite:///{database}.db"),
        indexer=IndexerSettings(database=database),
    )
    async with Node(settings.chain) as node:
        with open_index(settings, house.network.deployment, node) as index:
            async with aclosing(index.follower.news()) as news:
                following = asyncio.create_task(index.indexer.run(news))
                seen = await index.explorer.wait_for_async(lambda q: q.head().final >= upto, WAIT_S)
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            assert seen, "the fresh index reaches the same block"
            with index.explorer.database.reading() as cursor:
                return digest_of_chain(cursor)
