"""The relayer on a real chain: what it is asked for is mined once, whatever is killed, dropped, stuck or taken back."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from chain.devnet import Devnet, DevnetSettings
from chain.errors import Reverted, Unreachable, WrongChain
from chain.fees import Fees
from chain.node import Node
from chain.relaying import (
    NonceMismatch,
    NonceTaken,
    NotEnoughFunds,
    NotMined,
    Relayer,
    RelayPolicy,
    TooDear,
    TooLarge,
    UnknownKey,
)
from chain.settings import ChainSettings, ProviderSettings
from chain.signing import Signer, Unsigned, from_development_mnemonic
from domain.facts import TransactionNumbered, TransactionSigned
from domain.ledger import Ledger, Recorded, streams
from tests.chain.lab import impatient_of
from tests.chain.proxy import Proxy

pytestmark = pytest.mark.thorough

CHAIN = 31337
GWEI = 10**9
FRIEND = b"\xfe" * 20
REFUSER = b"\x4e" * 20
REASON = "lease has run out"
HASTY = RelayPolicy(resend_after_s=0.1, bump_after_s=0.2, poll_s=0.02)


@pytest.fixture
def chain() -> Iterator[Devnet]:
    with Devnet(DevnetSettings()) as devnet:
        yield devnet


@pytest_asyncio.fixture
async def node(chain: Devnet) -> AsyncIterator[Node]:
    async with Node(ChainSettings(rpc_url=chain.url)) as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield opened
    opened.close()


@pytest.fixture
def signer() -> Signer:
    return from_development_mnemonic(5, CHAIN)


@pytest_asyncio.fixture
async def relayer(node: Node, ledger: Ledger, signer: Signer) -> AsyncIterator[Relayer]:
    async with Relayer(node, ledger, signer, HASTY) as running:
        yield running


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        await asyncio.sleep(0.005)


async def balance(node: Node, address: bytes = FRIEND) -> int:
    return int(await node.call("eth_getBalance", [f"0x{address.hex()}", "latest"]), 16)


async def count(node: Node, signer: Signer) -> int:
    return int(await node.call("eth_getTransactionCount", [f"{signer}", "latest"]), 16)


async def stop_mining(node: Node) -> None:
    await node.call("evm_setAutomine", [False])


async def mine(node: Node) -> None:
    await node.call("evm_mine")


async def install_refuser(node: Node) -> None:
    """A contract that reverts every call with `Error(REASON)`."""
    text = REASON.encode()
    payload = (
        bytes.fromhex("08c379a0") + (32).to_bytes(32, "big") + len(text).to_bytes(32, "big") + text.ljust(32, b"\0")
    )
    code = bytes.fromhex(f"60{len(payload):02x}600c60003960{len(payload):02x}6000fd") + payload
    await node.call("anvil_setCode", [f"0x{REFUSER.hex()}", f"0x{code.hex()}"])


async def send_as_somebody_else(node: Node, signer: Signer, nonce: int, fees: Fees) -> None:
    """Another program that holds the same key."""
    signed = signer.sign_transaction(Unsigned(nonce, b"\xee" * 20, 1, b"", 21_000, fees))
    await node.call("eth_sendRawTransaction", [f"0x{signed.raw.hex()}"])


def signed(ledger: Ledger, signer: Signer) -> list[TransactionSigned]:
    stream = ledger.stream(streams.signer(signer.address, CHAIN))
    return [each.fact for each in stream if isinstance(each.fact, TransactionSigned)]


async def test_a_submitted_transaction_is_mined_and_its_receipt_says_where(relayer: Relayer, node: Node) -> None:
    digest = await relayer.submit("gift", FRIEND, value=7)
    receipt = await relayer.mined("gift")
    assert (receipt.hash, receipt.succeeded, receipt.gas_used) == (digest, True, 21_000)
    block = await node.call("eth_getBlockByNumber", [hex(receipt.block_number), False])
    assert (block["hash"], block["transactions"]) == (f"0x{receipt.block_hash.hex()}", [f"0x{digest.hex()}"])
    assert await balance(node) == 7


async def test_one_key_is_one_transaction_however_often_it_is_asked_for(relayer: Relayer, node: Node) -> None:
    asked = await asyncio.gather(*(relayer.submit("gift", FRIEND, value=7) for _ in range(5)))
    await relayer.mined("gift")
    again = await relayer.submit("gift", FRIEND, value=7)
    assert len({*asked, again}) == 1
    assert (await balance(node), relayer.counts.submitted) == (7, 1)


async def test_it_is_recorded_before_it_is_sent(chain: Devnet, ledger: Ledger, signer: Signer) -> None:
    known_when_sent: list[list[bytes]] = []

    class Witness(Node):
        async def call(self, method: str, params: Any = (), kind: Any = Any) -> Any:
            if method == "eth_sendRawTransaction":
                known_when_sent.append([fact.raw for fact in signed(ledger, signer)])
                assert params[0] == f"0x{known_when_sent[-1][-1].hex()}"
            return await super().call(method, params, kind)

    async with Witness(ChainSettings(rpc_url=chain.url)) as node, Relayer(node, ledger, signer) as relayer:
        await relayer.submit("gift", FRIEND, value=7)
        await relayer.mined("gift")
    assert len(known_when_sent) == 1
    by_key = streams.transaction(signer.address, CHAIN, "gift")
    assert ledger.newest(by_key) == Recorded(by_key, 1, TransactionNumbered(0))


@pytest.mark.slow
async def test_two_hundred_at_once_are_mined_in_the_order_of_the_calls(
    relayer: Relayer, node: Node, ledger: Ledger, signer: Signer
) -> None:
    digests = await asyncio.gather(*(relayer.submit(f"gift {i}", FRIEND, value=1) for i in range(200)))
    receipts = await asyncio.gather(*(relayer.mined(f"gift {i}") for i in range(200)))
    assert [receipt.hash for receipt in receipts] == digests
    assert [fact.nonce for fact in signed(ledger, signer)] == list(range(200))
    assert [fact.key for fact in signed(ledger, signer)] == [f"gift {i}" for i in range(200)]
    assert await balance(node) == 200


async def test_a_call_that_the_contract_refuses_is_not_recorded_and_costs_no_nonce(
    relayer: Relayer, node: Node, ledger: Ledger, signer: Signer
) -> None:
    await install_refuser(node)
    with pytest.raises(Reverted, match=f"claim 7: the contract refuses: {REASON}") as caught:
        await relayer.submit("claim 7", REFUSER, b"\1\2\3\4")
    assert caught.value.error == REASON
    assert (ledger.position(), await count(node, signer)) == (0, 0)
    await relayer.submit("gift", FRIEND, value=1)
    await relayer.mined("gift")
    assert [fact.nonce for fact in signed(ledger, signer)] == [0]


async def test_a_transaction_that_reverts_when_it_is_mined_says_so(relayer: Relayer, node: Node) -> None:
    await install_refuser(node)
    await relayer.submit("claim 7", REFUSER, b"\1\2\3\4", gas=100_000)
    assert not (await relayer.mined("claim 7")).succeeded


async def test_what_the_account_can_not_pay_is_refused_with_what_is_missing(relayer: Relayer, ledger: Ledger) -> None:
    with pytest.raises(NotEnoughFunds, match=r"send it \d+ wei more"):
        await relayer.submit("gift", FRIEND, value=10**30)
    assert ledger.position() == 0


async def test_what_no_node_would_carry_is_refused_before_it_is_signed(relayer: Relayer, ledger: Ledger) -> None:
    with pytest.raises(TooLarge, match="bytes"):
        await relayer.submit("huge", FRIEND, b"\1" * 131_000)
    with pytest.raises(TooLarge, match="gas"):
        await relayer.submit("hungry", FRIEND, gas=10**10)
    assert ledger.position() == 0


async def test_gas_dearer_than_the_cap_is_not_bought(node: Node, ledger: Ledger, signer: Signer) -> None:
    await node.call("anvil_setNextBlockBaseFeePerGas", [hex(900 * GWEI)])
    await mine(node)
    async with Relayer(node, ledger, signer) as relayer:
        with pytest.raises(TooDear, match="max_fee_cap_gwei"):
            await relayer.submit("gift", FRIEND, value=1)
    assert ledger.position() == 0


async def test_a_stuck_transaction_is_raised_until_a_block_takes_it_and_counts_once(
    relayer: Relayer, node: Node, ledger: Ledger, signer: Signer
) -> None:
    await stop_mining(node)
    first = await relayer.submit("gift", FRIEND, value=7)
    await node.call("anvil_setNextBlockBaseFeePerGas", [hex(60 * GWEI)])
    await mine(node)
    await until(lambda: relayer.counts.bumped > 0, "a higher fee")
    await mine(node)
    receipt = await relayer.mined("gift")
    replacements = ledger.stream(streams.replacements(signer.address, CHAIN, 0))
    offers = [signed(ledger, signer)[0], *(each.fact for each in replacements)]
    assert [each.originator_version for each in replacements] == list(range(1, len(replacements) + 1))
    assert receipt.hash in {offer.hash for offer in offers[1:] if isinstance(offer, TransactionSigned)}
    assert receipt.hash != first
    assert (await balance(node), await count(node, signer)) == (7, 1)


@pytest.mark.slow
async def test_the_fee_is_not_raised_while_no_block_comes(relayer: Relayer, node: Node) -> None:
    await stop_mining(node)
    await relayer.submit("gift", FRIEND, value=7)
    with pytest.raises(NotMined, match="no block took 0x"):
        await relayer.mined("gift", timeout_s=1.0)
    assert relayer.counts.bumped == 0
    await mine(node)
    assert (await relayer.mined("gift")).succeeded


async def test_the_fee_is_not_raised_over_the_cap(node: Node, ledger: Ledger, signer: Signer) -> None:
    policy = RelayPolicy(resend_after_s=0.1, bump_after_s=0.2, poll_s=0.02, max_fee_cap_gwei=50)
    await stop_mining(node)
    async with Relayer(node, ledger, signer, policy) as relayer:
        await relayer.submit("gift", FRIEND, value=7)
        await node.call("anvil_setNextBlockBaseFeePerGas", [hex(60 * GWEI)])
        await mine(node)
        await until(lambda: relayer.counts.capped > 0, "the cap")
    assert (relayer.counts.bumped, ledger.stream(streams.replacements(signer.address, CHAIN, 0))) == (0, [])


async def test_a_transaction_that_the_node_forgot_is_sent_again(relayer: Relayer, node: Node) -> None:
    await stop_mining(node)
    digest = await relayer.submit("gift", FRIEND, value=7)
    await node.call("anvil_dropTransaction", [f"0x{digest.hex()}"])
    await until(lambda: relayer.counts.resent > 0, "sending again")
    await mine(node)
    assert (await relayer.mined("gift")).hash == digest


@pytest.mark.slow
async def test_a_transaction_that_could_not_be_sent_is_sent_when_the_node_is_back(
    chain: Devnet, ledger: Ledger, signer: Signer
) -> None:
    class Flaky(Node):
        failures = 1

        async def call(self, method: str, params: Any = (), kind: Any = Any) -> Any:
            if method == "eth_sendRawTransaction" and self.failures:
                self.failures -= 1
                raise Unreachable("the line is dead")
            return await super().call(method, params, kind)

    async with Flaky(ChainSettings(rpc_url=chain.url)) as node, Relayer(node, ledger, signer, HASTY) as relayer:
        await relayer.submit("gift", FRIEND, value=7)
        assert (await relayer.mined("gift")).succeeded
        assert (await balance(node), relayer.counts.sent) == (7, 1)


async def test_a_transaction_whose_answer_was_lost_is_mined_once_though_another_provider_is_asked(
    chain: Devnet, ledger: Ledger, signer: Signer
) -> None:
    async with Proxy(chain.url) as first, Proxy(chain.url) as second:
        settings = impatient_of(ProviderSettings(url=first.url), ProviderSettings(url=second.url))
        async with Node(settings) as node, Relayer(node, ledger, signer, HASTY) as relayer:
            first.breaks = "reset"  # once the node behind it has taken the transaction
            await relayer.submit("gift", FRIEND, value=7)
            assert (await relayer.mined("gift")).succeeded
            assert first.asked.count("eth_sendRawTransaction") + second.asked.count("eth_sendRawTransaction") >= 1
            assert (await balance(node), await count(node, signer)) == (7, 1)


async def test_a_reorganisation_that_takes_it_back_makes_it_be_mined_again(relayer: Relayer, node: Node) -> None:
    snapshot = await node.call("evm_snapshot")
    digest = await relayer.submit("gift", FRIEND, value=7)
    before = await relayer.mined("gift")
    await node.call("evm_revert", [snapshot])
    await until(lambda: relayer.counts.dropped > 0, "noticing that the block is gone")
    after = await relayer.mined("gift")
    assert after.hash == digest == before.hash
    assert (await balance(node), relayer.counts.submitted) == (7, 1)


async def test_after_a_reorganisation_the_receipt_names_the_block_of_now(relayer: Relayer, node: Node) -> None:
    await relayer.submit("gift", FRIEND, value=7)
    before = await relayer.mined("gift")
    raw = await node.call("eth_getRawTransactionByHash", [f"0x{before.hash.hex()}"])
    await node.call("anvil_reorg", [1, [[raw, 0]]])

    async def is_renewed() -> bool:
        return (await relayer.mined("gift")).block_hash != before.block_hash

    deadline = time.monotonic() + 20
    while not await is_renewed():
        assert time.monotonic() < deadline, "the receipt still names a block that is gone"
        await asyncio.sleep(0.02)
    receipt = await relayer.mined("gift")
    block = await node.call("eth_getBlockByNumber", [hex(receipt.block_number), False])
    assert block["hash"] == f"0x{receipt.block_hash.hex()}"


@pytest.mark.parametrize("depth", [0, 64], ids=["forgotten", "remembered"])
async def test_blocks_that_the_chain_lost_are_filled_again_from_the_ledger(
    node: Node, ledger: Ledger, signer: Signer, depth: int
) -> None:
    policy = RelayPolicy(depth=depth, poll_s=0.02)
    snapshot = await node.call("evm_snapshot")
    async with Relayer(node, ledger, signer, policy) as relayer:
        for key in ("one", "two"):
            await relayer.submit(key, FRIEND, value=1)
            await relayer.mined(key)
        await node.call("evm_revert", [snapshot])
        await relayer.submit("three", FRIEND, value=1)
        await relayer.mined("three")
    assert (await balance(node), await count(node, signer)) == (3, 3)


@pytest.mark.slow
async def test_a_relayer_goes_on_where_a_chain_was_started_anew_from_its_saved_state(
    ledger: Ledger, signer: Signer, tmp_path: Path
) -> None:
    """Such a node knows its old blocks and nothing of the accounts as they were then."""
    for value in (1, 2):
        with Devnet(DevnetSettings(state=tmp_path / "chain.json")) as chain:
            async with (
                Node(ChainSettings(rpc_url=chain.url)) as node,
                Relayer(node, ledger, signer, RelayPolicy(depth=2)) as relayer,
            ):
                for i in range(4):
                    await relayer.submit(f"{value}.{i}", FRIEND, value=value)
                    await relayer.mined(f"{value}.{i}")
                assert relayer.counts.resent == 0
                assert await balance(node) == (4 if value == 1 else 12)


async def test_a_signer_for_another_chain_is_refused_before_anything_is_signed(node: Node, ledger: Ledger) -> None:
    with pytest.raises(WrongChain, match=r"serves chain 31337, the key of 0x.* was opened for chain 10"):
        await Relayer(node, ledger, Signer(b"\1" * 32, 10)).start()


async def test_a_fresh_ledger_goes_on_from_the_nonce_of_a_used_account(
    node: Node, ledger: Ledger, signer: Signer
) -> None:
    await send_as_somebody_else(node, signer, 0, Fees(10 * GWEI, GWEI))
    async with Relayer(node, ledger, signer, HASTY) as relayer:
        await relayer.submit("gift", FRIEND, value=7)
        assert (await relayer.mined("gift")).succeeded
    assert [fact.nonce for fact in signed(ledger, signer)] == [1]


@pytest.mark.slow
async def test_a_key_that_something_else_used_stops_the_relayer_until_it_is_told_to_go_on(
    node: Node, ledger: Ledger, signer: Signer
) -> None:
    async with Relayer(node, ledger, signer, HASTY) as relayer:
        await relayer.submit("one", FRIEND, value=1)
        await relayer.mined("one")
        await send_as_somebody_else(node, signer, 1, Fees(10 * GWEI, GWEI))
        with pytest.raises(NonceMismatch, match="something else uses this key"):
            await relayer.run()
        with pytest.raises(NonceMismatch):
            await relayer.submit("two", FRIEND, value=1)
    with pytest.raises(NonceMismatch, match="adopt_nonce"):
        await Relayer(node, ledger, signer).start()
    async with Relayer(node, ledger, signer, RelayPolicy(adopt_nonce=True)) as relayer:
        await relayer.submit("two", FRIEND, value=1)
        assert (await relayer.mined("two")).succeeded
    assert [fact.nonce for fact in signed(ledger, signer)] == [0, 2]


@pytest.mark.slow
async def test_who_waits_for_a_transaction_whose_nonce_was_taken_learns_it(
    relayer: Relayer, node: Node, signer: Signer
) -> None:
    await stop_mining(node)
    await relayer.submit("gift", FRIEND, value=7)
    await send_as_somebody_else(node, signer, 0, Fees(100 * GWEI, 50 * GWEI))
    await mine(node)
    with pytest.raises(NonceTaken, match="submit it under another key"):
        await relayer.mined("gift")
    assert await balance(node) == 0


async def test_a_ledger_of_another_chain_is_refused(node: Node, ledger: Ledger, signer: Signer) -> None:
    await send_as_somebody_else(node, signer, 0, Fees(10 * GWEI, GWEI))
    async with Relayer(node, ledger, signer) as relayer:
        await relayer.submit("gift", FRIEND, value=7)
    with Devnet(DevnetSettings()) as other:
        async with Node(ChainSettings(rpc_url=other.url)) as elsewhere:
            with pytest.raises(NonceMismatch, match="belongs to another chain"):
                await Relayer(elsewhere, ledger, signer).start()


@pytest.mark.slow
async def test_two_relayers_of_one_key_and_one_ledger_never_sign_a_nonce_or_a_purpose_twice(
    relayer: Relayer, node: Node, ledger: Ledger, signer: Signer
) -> None:
    async with Relayer(node, ledger, signer, HASTY) as other:
        each = [(one, f"gift {i}") for i in range(15) for one in (relayer, other)]
        await asyncio.gather(*(one.submit(key, FRIEND, value=1) for one, key in each))
        await asyncio.gather(*(one.mined(key) for one, key in each))
    assert sorted(fact.key for fact in signed(ledger, signer)) == sorted(f"gift {i}" for i in range(15))
    assert (await balance(node), await count(node, signer)) == (15, 15)


@pytest.mark.slow
async def test_an_old_transaction_is_found_again_after_it_was_buried_and_forgotten(
    node: Node, ledger: Ledger, signer: Signer
) -> None:
    shallow = RelayPolicy(depth=2, poll_s=0.02)
    async with Relayer(node, ledger, signer, shallow) as relayer:
        digest = await relayer.submit("gift", FRIEND, value=7)
        await relayer.mined("gift")
        for _ in range(3):
            await mine(node)
        await until(lambda: relayer.open == 0, "forgetting")
    async with Relayer(node, ledger, signer, shallow) as relayer:
        await until(lambda: relayer.open == 0, "forgetting after a restart")
        assert (await relayer.mined("gift")).hash == digest
        assert await relayer.submit("gift", FRIEND, value=7) == digest


async def test_waiting_for_a_key_that_was_never_used_is_an_error(relayer: Relayer) -> None:
    with pytest.raises(UnknownKey, match="'nothing'"):
        await relayer.mined("nothing")


async def test_a_caller_that_gives_up_does_not_undo_what_was_begun(relayer: Relayer, node: Node) -> None:
    order = asyncio.create_task(relayer.submit("gift", FRIEND, value=7))
    await until(lambda: relayer.counts.submitted > 0, "signing")
    order.cancel()
    await relayer.submit("next", FRIEND, value=1)
    await relayer.mined("next")
    assert (await relayer.mined("gift")).succeeded
    assert await balance(node) == 8


SUBMIT_AND_DIE = """
import asyncio, os, signal, sys
from chain.node import Node
from chain.relaying import Relayer
from chain.settings import ChainSettings
from chain.signing import from_development_mnemonic
from domain.ledger import Ledger

class Fatal(Node):
    async def call(self, method, params=(), kind=object):
        if method == "eth_sendRawTransaction" and sys.argv[3] == "after":
            await super().call(method, params, kind)
        if method == "eth_sendRawTransaction":
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().call(method, params, kind)

async def main():
    node, ledger = Fatal(ChainSettings(rpc_url=sys.argv[1])), Ledger(sys.argv[2])
    async with Relayer(node, ledger, from_development_mnemonic(5, 31337)) as relayer:
        await relayer.submit("gift", bytes.fromhex("fe" * 20), value=7)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("is_asked_again", [True, False])
async def test_a_kill_around_the_sending_leaves_exactly_one_transaction(
    chain: Devnet, node: Node, ledger: Ledger, signer: Signer, tmp_path: Path, moment: str, is_asked_again: bool
) -> None:
    command = (sys.executable, "-c", SUBMIT_AND_DIE, chain.url, f"sqlite:///{tmp_path}/ledger.db", moment)
    victim = await asyncio.create_subprocess_exec(*command)
    assert await victim.wait() == -signal.SIGKILL
    assert await balance(node) == (7 if moment == "after" else 0)
    async with Relayer(node, ledger, signer, HASTY) as relayer:
        if is_asked_again:
            await relayer.submit("gift", FRIEND, value=7)
        assert (await relayer.mined("gift")).succeeded
        await relayer.submit("next", FRIEND, value=1)
        await relayer.mined("next")
    assert (await balance(node), await count(node, signer)) == (8, 2)
    assert [fact.key for fact in signed(ledger, signer)] == ["gift", "next"]


@pytest.mark.parametrize("field", ["resend_after_s", "bump_after_s", "max_fee_cap_gwei", "poll_s"])
def test_a_policy_that_makes_no_sense_is_refused_by_name(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        msgspec.convert({field: 0}, RelayPolicy)
