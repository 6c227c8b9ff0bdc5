"""What a header proves, on real blocks of a development chain and on blocks of other times."""

from typing import Any

import msgspec
import pytest

from chain.devnet import Devnet, DevnetSettings
from chain.errors import Garbled
from chain.integrity import check_header, check_receipts, encode_receipt
from chain.node import Node
from chain.wire import Header, WireBlock, WireLog, WireReceipt, hex_of, octets, quantity
from receipts import rlp
from tests.chain.lab import SPEAKER, Lab, claim_data, impatient

ZERO = "0x" + "00" * 32

MAINNET_GENESIS = {
    "hash": "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
    "parentHash": ZERO,
    "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    "miner": "0x" + "00" * 20,
    "stateRoot": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
    "transactionsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "receiptsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "logsBloom": "0x" + "00" * 256,
    "difficulty": "0x400000000",
    "number": "0x0",
    "gasLimit": "0x1388",
    "gasUsed": "0x0",
    "timestamp": "0x0",
    "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
    "mixHash": ZERO,
    "nonce": "0x0000000000000042",
}


async def block_of(lab: Lab, number: int) -> tuple[WireBlock, list[WireReceipt]]:
    block = await lab.node.call("eth_getBlockByNumber", [hex(number), True], WireBlock)
    return block, await lab.node.call("eth_getBlockReceipts", [hex(number)], list[WireReceipt])


def test_the_first_block_of_the_main_chain_hashes_to_its_name() -> None:
    header = msgspec.convert(MAINNET_GENESIS, Header)
    assert check_header(header).hex() == MAINNET_GENESIS["hash"][2:]


@pytest.mark.parametrize("hardfork", ["london", "shanghai", "cancun", "prague", "osaka"])
async def test_headers_of_each_fork_recompute(hardfork: str) -> None:
    async with Devnet(DevnetSettings(extra=("--hardfork", hardfork))) as chain, Node(impatient(chain.url)) as node:
        header = await node.call("eth_getBlockByNumber", ["0x0", False], Header)
        assert check_header(header) == octets(header.hash, 32)


async def test_receipts_of_every_type_recompute_to_the_root(lab: Lab) -> None:
    sender = (await lab.node.call("eth_accounts"))[0]
    order = {"from": sender, "to": "0x" + SPEAKER.hex(), "data": "0x" + claim_data(1).hex(), "gas": hex(100_000)}
    access = {"accessList": [{"address": order["to"], "storageKeys": []}]}
    price: dict[str, Any] = {"gasPrice": hex(10**10)}
    for index, fields in enumerate([price, price | access, {}, {"data": "0x", "gas": hex(21_001)}]):
        await lab.node.call("eth_sendTransaction", [order | fields | {"nonce": hex(index)}])
    await lab.mine()
    block, receipts = await block_of(lab, 1)
    checked = check_receipts(block, receipts)
    assert {receipt.type for receipt in receipts} == {"0x0", "0x1", "0x2"}
    assert [receipt.succeeded for receipt in checked] == [True, True, True, False]
    assert [log.log_index for receipt in checked for log in receipt.logs] == [0, 1, 2]


async def test_a_block_of_many_transactions_recomputes(lab: Lab) -> None:
    """Past 127 transactions the trie's keys take two bytes."""
    await lab.node.call("evm_setBlockGasLimit", [hex(10**9)])
    for number in range(1, 141):
        await lab.send(SPEAKER, claim_data(number), gas=50_000)
    await lab.mine()
    block, receipts = await block_of(lab, 1)
    assert len(check_receipts(block, receipts)) == 140


def test_a_receipt_from_before_byzantium_is_encoded_with_its_state_root() -> None:
    receipt = WireReceipt(
        root="0x" + "11" * 32,
        cumulative_gas_used="0x5208",
        logs_bloom="0x" + "00" * 256,
        logs=[],
        transaction_hash=ZERO,
        transaction_index="0x0",
        block_hash=ZERO,
        block_number="0x1",
        gas_used="0x5208",
        sender="0x" + "22" * 20,
    )
    assert rlp.decode(encode_receipt(receipt)) == [b"\x11" * 32, b"\x52\x08", bytes(256), []]


@pytest.mark.parametrize("data", [b"", b"\x07", b"\x7f", b"\x80", b"data", b"d" * 55, b"d" * 56, b"d" * 300])
@pytest.mark.parametrize("topic_count", range(5))
def test_a_typed_receipt_begins_with_its_type_and_holds_its_logs(data: bytes, topic_count: int) -> None:
    log = WireLog(
        address="0x" + "33" * 20,
        topics=["0x" + "44" * 32] * topic_count,
        data=hex_of(data),
        block_hash=ZERO,
        block_number="0x1",
        transaction_hash=ZERO,
        transaction_index="0x0",
        log_index="0x0",
    )
    receipt = WireReceipt(
        type="0x3",
        status="0x1",
        cumulative_gas_used="0x1",
        logs_bloom="0x" + "00" * 256,
        logs=[log],
        transaction_hash=ZERO,
        transaction_index="0x0",
        block_hash=ZERO,
        block_number="0x1",
        gas_used="0x1",
        sender="0x" + "22" * 20,
    )
    encoded = encode_receipt(receipt)
    assert encoded[:1] == b"\x03"
    logs: rlp.Item = [[b"\x33" * 20, [b"\x44" * 32] * topic_count, data]]
    assert rlp.decode(encoded[1:]) == [b"\x01", b"\x01", bytes(256), logs]


@pytest.mark.parametrize("text", ["", "0x", "1", "0xg", "-0x1", "0x-1", "0x1_0", "0x10000000000000000", " 0x1"])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Garbled, match="is not a hex number of at most 64 bits"):
        quantity(text)


@pytest.mark.parametrize("text", ["", "12", "0x", "0x1", "0xzz", "0x1234", "0x1 2", "0x 12"])
def test_bytes_of_another_length_or_alphabet_are_refused(text: str) -> None:
    with pytest.raises(Garbled, match="is not 1 bytes of hex data"):
        octets(text, 1)
