"""Any contract's logs become rows of typed tables: final or on the tip, never twice, and none is left out."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain.abi import signature_hash
from domain.facts import BlockFinalised, LogUnreadable, Occurrence, Transaction, Wei
from domain.ledger import Ledger, Position, Tip
from indexer.events import BadAbi, EventFilter, Events, UnknownEvent, layouts_of
from indexer.explorer import OtherDatabase

pytestmark = pytest.mark.thorough

TOKEN, OTHER = b"\x0a" * 20, b"\x0b" * 20
ALICE, BOB = b"\xa1" * 20, b"\xb0" * 20


def argument(name: str, kind: str, indexed: bool = False, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "indexed": indexed, **more}


def event(name: str, *inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "event", "name": name, "inputs": list(inputs), **more}


TRANSFER = event(
    "Transfer", argument("from", "address", True), argument("to", "address", True), argument("value", "uint256")
)
NAMED = event("NameSet", argument("name", "string"), argument("block", "uint64"), argument("isPublic", "bool"))
SECRET = event("Secret", argument("value", "uint256"), anonymous=True)
ABI = [TRANSFER, NAMED, SECRET]


def word(number: int | bytes) -> bytes:
    return number.to_bytes(32, "big") if isinstance(number, int) else number.rjust(32, b"\0")


def transfer(sender: bytes, to: bytes, value: int, contract: bytes = TOKEN) -> tuple[bytes, LogUnreadable]:
    return contract, raw((signature_hash(TRANSFER), word(sender), word(to)), word(value))


def raw(topics: Sequence[bytes], data: bytes) -> LogUnreadable:
    return LogUnreadable("", tuple(topics), data, "")


def block(number: int, *logs: tuple[bytes, LogUnreadable], fork: int = 0) -> BlockFinalised:
    """A block on the one of the same fork before it, with one transaction for all logs."""
    sent = Transaction(word(1000 + number), 0, ALICE, TOKEN, Wei(0), 21_000, Wei(1), True)
    occurrences = tuple([Occurrence(fact, contract, 0, i) for i, (contract, fact) in enumerate(logs)])
    parent = word(number - 1) if fork == 0 or number == fork else word(number - 1) + b"'"
    digest = word(number + (100 if fork else 0))
    return BlockFinalised(number, digest, parent[:32], 1_700_000_000 + number, (sent,) if logs else (), occurrences)


class Tables:
    """A ledger, its tip, and the tables over both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
        self.tip = Tip(self.ledger, 1)
        self.events = self.open(ABI)

    def open(self, abi: list[dict[str, Any]]) -> Events:
        return Events(self.folder / "events.duckdb", self.ledger, self.tip, [(TOKEN, abi), (OTHER, abi)])

    def finalise(self, *blocks: BlockFinalised) -> None:
        self.tip.advance(blocks, Position(blocks[-1].number, blocks[-1].hash))
        self.events.refresh()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with self.events.database.reading() as cursor:
            return cursor.execute(sql).fetchall()

    def found(self, **where: Any) -> list[tuple[int, str | None]]:
        return [(each.block, each.name) for each in self.events.queries.events(EventFilter(**where)).events]


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    tables = Tables(tmp_path)
    yield tables
    tables.events.close()
    tables.ledger.close()


def test_an_event_becomes_a_row_of_its_own_table_with_typed_columns(tables: Tables) -> None:
    tables.finalise(block(1, transfer(ALICE, BOB, 2**200)))
    assert tables.ask('SELECT block, log_index, contract, "from", "to", value, is_final FROM transfer') == [
        (1, 0, f"0x{TOKEN.hex()}", f"0x{ALICE.hex()}", f"0x{BOB.hex()}", str(2**200), True)
    ]


def test_columns_that_would_hide_those_of_every_event_get_another_name(tables: Tables) -> None:
    data = encode(["string", "uint64", "bool"], ["näme", 2**64 - 1, True])
    tables.finalise(block(1, (TOKEN, raw((signature_hash(NAMED),), data))))
    assert tables.ask("SELECT block, name, block_, is_public FROM name_set") == [(1, "näme", 2**64 - 1, True)]
    assert json.loads(tables.ask("SELECT args FROM events")[0][0]) == {
        "name": "näme", "block_": str(2**64 - 1), "is_public": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("topics", "data", "reason"),
    [
        ((), b"", "it is anonymous"),
        ((b"\x77" * 32,), b"\x01", "no event of the ABI has this first topic"),
        ((signature_hash(TRANSFER), word(ALICE)), word(1), "2 topics instead of 3"),
        ((signature_hash(TRANSFER), word(ALICE), word(BOB)), b"\x01", "1 bytes of data are too few"),
        ((signature_hash(TRANSFER), b"\xff" * 32, word(BOB)), word(1), "is not an address"),
        ((signature_hash(NAMED),), word(2**255) + word(1) + word(1), "an argument ends at byte"),
        ((signature_hash(NAMED),), word(96) + word(2**64) + word(1) + word(0), "does not fit into uint64"),
        ((signature_hash(NAMED),), word(96) + word(1) + word(2) + word(0), "neither true nor false"),
    ],
)
def test_a_log_that_the_abi_does_not_describe_is_kept_raw_with_the_reason(
    tables: Tables, topics: Sequence[bytes], data: bytes, reason: str
) -> None:
    tables.finalise(block(1, (TOKEN, raw(topics, data)), transfer(ALICE, BOB, 1)))
    kept = tables.ask("SELECT topics, data, reason FROM raw_logs")
    assert kept[0][:2] == ([f"0x{topic.hex()}" for topic in topics], f"0x{data.hex()}")
    assert reason in kept[0][2]
    assert tables.ask("SELECT count(*), count(args) FROM events") == [(2, 1)]


def test_unfinal_rows_are_shown_become_final_once_and_vanish_with_a_reorg(tables: Tables) -> None:
    tables.finalise(block(1, transfer(ALICE, BOB, 1)))
    tables.tip.extend(block(2, transfer(ALICE, BOB, 2)))
    tables.tip.extend(block(3, transfer(ALICE, BOB, 3), transfer(BOB, ALICE, 4)))
    tables.events.refresh()
    assert tables.ask("SELECT value, is_final FROM transfer ORDER BY block, log_index") == [
        ("1", True), ("2", False), ("3", False), ("4", False),
    ]  # fmt: skip
    tables.tip.finalise(2)
    tables.tip.drop_from(3)
    assert tables.events.refresh() == 2
    assert tables.ask("SELECT value, is_final FROM transfer ORDER BY block") == [("1", True), ("2", True)]
    assert tables.ask("SELECT number, is_final FROM blocks ORDER BY number") == [(1, True), (2, True)]


def test_tables_made_anew_from_the_ledger_are_the_same(tables: Tables) -> None:
    tables.finalise(block(1, transfer(ALICE, BOB, 1)), block(2, transfer(BOB, ALICE, 2), (TOKEN, raw((), b"\x01"))))
    before = tables.ask("FROM events ORDER BY block, log_index")
    tables.events.close()
    (tables.folder / "events.duckdb").unlink()
    tables.events = tables.open(ABI)
    tables.events.refresh()
    assert tables.ask("FROM events ORDER BY block, log_index") == before


def test_another_abi_is_refused_with_the_way_out_and_changes_nothing(tables: Tables) -> None:
    tables.finalise(block(1, transfer(ALICE, BOB, 1)))
    tables.events.close()
    with pytest.raises(OtherDatabase, match="of another ABI: move this file away"):
        tables.open([TRANSFER])
    tables.events = tables.open(ABI)
    assert tables.found() == [(1, "Transfer")]


def test_events_are_found_by_name_contract_block_and_argument_newest_first(tables: Tables) -> None:
    tables.finalise(
        block(1, transfer(ALICE, BOB, 1)),
        block(2, transfer(BOB, ALICE, 2), (TOKEN, raw((), b""))),
        block(3, transfer(ALICE, BOB, 3, OTHER)),
    )
    assert tables.found() == [(3, "Transfer"), (2, None), (2, "Transfer"), (1, "Transfer")]
    assert tables.found(name="Transfer", to_block=2) == [(2, "Transfer"), (1, "Transfer")]
    assert tables.found(contract=f"0x{OTHER.hex().upper()}") == [(3, "Transfer")]
    assert tables.found(arguments={"from": f"0x{BOB.hex()}"}) == [(2, "Transfer")]
    assert tables.found(arguments={"value": "3"}, block=3) == [(3, "Transfer")]
    with pytest.raises(UnknownEvent, match="no event 'Mint' in the ABI: there are NameSet, Transfer"):
        tables.found(name="Mint")
    with pytest.raises(UnknownEvent, match="no event has all of the arguments colour: there are"):
        tables.found(arguments={"colour": "red"})


def test_pages_meet_without_gap_or_repeat(tables: Tables) -> None:
    tables.finalise(*[block(n, transfer(ALICE, BOB, n), (TOKEN, raw((), b""))) for n in range(1, 6)])
    seen: list[tuple[int, int]] = []
    after: tuple[int, int] | None = None
    while not seen or after:
        page = tables.events.queries.events(EventFilter(), after, 3)
        seen += [(each.block, each.log_index) for each in page.events]
        after = page.next
    assert seen == sorted(((n, i) for n in range(1, 6) for i in (0, 1)), reverse=True)


def test_every_table_and_column_says_what_it_holds(tables: Tables) -> None:
    silent = tables.ask("SELECT view_name FROM duckdb_views() WHERE NOT internal AND comment IS NULL")
    silent += tables.ask("SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL "
                         "AND table_name <> 'progress'")  # fmt: skip
    assert silent == []


def test_one_event_indexed_differently_by_two_contracts_shares_a_table() -> None:
    nft = event("Transfer", *[{**each, "indexed": True} for each in TRANSFER["inputs"]])
    layouts, readers = layouts_of([(TOKEN, [TRANSFER]), (OTHER, [nft])])
    assert [layout.table for layout in layouts] == ["transfer"]
    key = signature_hash(TRANSFER)
    here = readers[TOKEN, key].values((key, word(ALICE), word(BOB)), word(7))
    assert here == readers[OTHER, key].values((key, word(ALICE), word(BOB), word(7)), b"")


def test_events_of_one_name_and_other_arguments_have_tables_of_their_own() -> None:
    other = event("Transfer", argument("memo", "string"))
    layouts, _ = layouts_of([(TOKEN, [TRANSFER, other, event("Events", argument("n", "uint8"))])])
    assert [layout.table for layout in layouts] == [
        "transfer", f"transfer_{signature_hash(other).hex()[:8]}",
        f"events_{signature_hash(event('Events', argument('n', 'uint8'))).hex()[:8]}",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["uint7", "uint264", "bytes33", "bytes0", "fixed", "number", "thing[]"])
def test_a_type_that_no_abi_knows_is_told_with_event_and_argument(kind: str) -> None:
    with pytest.raises(BadAbi, match="event Odd: argument 'x' has the type"):
        layouts_of([(TOKEN, [event("Odd", argument("x", kind))])])


ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "uint8": st.integers(0, 2**8 - 1), "uint56": st.integers(0, 2**56 - 1), "uint64": st.integers(0, 2**64 - 1),
    "uint120": st.integers(0, 2**120 - 1), "uint128": st.integers(0, 2**128 - 1), "uint256": st.integers(0, 2**256 - 1),
    "int8": st.integers(-(2**7), 2**7 - 1), "int64": st.integers(-(2**63), 2**63 - 1),
    "int72": st.integers(-(2**71), 2**71 - 1), "int256": st.integers(-(2**255), 2**255 - 1),
    "bool": st.booleans(), "address": ADDRESSES, "bytes4": st.binary(min_size=4, max_size=4), "bytes": st.binary(),
    "string": st.text(), "uint16[]": st.lists(st.integers(0, 2**16 - 1), max_size=4),
    "address[2]": st.lists(ADDRESSES, min_size=2, max_size=2), "string[]": st.lists(st.text(), max_size=3),
}  # fmt: skip


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_contract_encodes_is_what_the_columns_hold(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=6))
    values = [data.draw(VALUES[kind]) for kind in kinds]
    entry = event("Said", *[argument(f"a{i}", kind) for i, kind in enumerate(kinds)])
    (layout,), readers = layouts_of([(TOKEN, [entry])])
    topic = signature_hash(entry)
    read = readers[TOKEN, topic].values((topic,), encode(kinds, values))
    assert read == [_expected(kind, field.kind.sql, value)
                    for kind, field, value in zip(kinds, layout.fields, values, strict=True)]  # fmt: skip


def _expected(kind: str, sql: str, value: Any) -> Any:
    if kind.endswith("]"):
        texts = [str(each) for each in value]
        return json.dumps(texts, separators=(",", ":"), ensure_ascii=False) if "string" not in kind else _json(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if sql == "VARCHAR" else value


def _json(values: list[str]) -> str:
    import msgspec

    return msgspec.json.encode(values).decode()


def test_tuples_become_json_by_the_names_of_their_members() -> None:
    parts = [argument("id", "uint256"), argument("tags", "string[]")]
    entry = event("Made", argument("pair", "tuple", components=parts), argument("n", "uint8"))
    _, readers = layouts_of([(TOKEN, [entry])])
    topic = signature_hash(entry)
    data = encode(["(uint256,string[])", "uint8"], [(2**70, ["a", "b"]), 5])
    read = readers[TOKEN, topic].values((topic,), data)
    assert [json.loads(read[0]), read[1]] == [{"id": str(2**70), "tags": ["a", "b"]}, 5]


def test_an_indexed_text_is_known_by_its_hash_alone() -> None:
    entry = event("Named", argument("name", "string", True))
    (layout,), readers = layouts_of([(TOKEN, [entry])])
    topic = signature_hash(entry)
    assert readers[TOKEN, topic].values((topic, b"\x07" * 32), b"") == ["0x" + "07" * 32]
    assert "Keccak-256" in layout.fields[0].comment


def test_a_contract_of_anonymous_events_alone_is_kept_raw(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    events = Events(tmp_path / "events.duckdb", ledger, tip := Tip(ledger, 1), [(TOKEN, [SECRET])])
    blocks = [block(1, (TOKEN, raw((word(7),), word(8))))]
    tip.advance(blocks, Position(1, blocks[0].hash))
    events.refresh()
    assert [(each.name, each.args, each.data) for each in events.queries.events(EventFilter()).events] == [
        (None, None, f"0x{word(8).hex()}")
    ]
    events.close()
    ledger.close()
