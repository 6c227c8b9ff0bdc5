"""Prompts, answers and their names, good and bad: where contents are what is judged, the bundle names them rightly."""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from receipts.content.cid import RAW, Cid
from receipts.content.unixfs import cid_of
from receipts.evidence import Bundle, to_payload
from receipts.request import SCHEMA
from tests.receipts.bundles import resigned

BLANKS = "\t \n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"
NOT_JSON = ("{not json", '{"a": 1}', "{}", "null", "[1]", '"a"')
LENGTHS = (0, 1, 262_144, 262_145, 600_000)

PROMPTS = [
    '"a"', '""', '" "', "null", '"a","prompt":"b"', "1", r'"\ud800"', r'"\ud83d\ude00"', '"a","colour":"red"',
    '"a","__proto__":{}',
]  # fmt: skip
MESSAGES = [
    "[]", "{}", "[null]", '[{"role":"user","content":"b"}]', '[{"role":"user","content":" "}]', '[{"role":"user"}]',
    '[{"role":"judge","content":"b"}]', '[{"role":"user","content":"b","name":"c"}]', 'null,"prompt":"a"',
    '[{"role":"user","role":"user","content":"b"}]',
    '[{"role":"system","content":"b"},{"role":"assistant","content":""}]',
    '[{"role":"user","content":"b"}],"prompt":"a"', '[],"prompt":"a"',
    r'[{"role":"user","content":"\ud83d"},{"role":"user","content":"\ude00"}]',
]  # fmt: skip
COUNTS = [
    "0", "1", "51", "52", "53", "-1", "5.0", "1e3", "true", "null", '"5"', str(2**32 - 1), str(2**32), "1" * 30,
    "1" * 4301,
]  # fmt: skip
TEMPERATURES = ["0", "2", "2.0", "2.0000001", "-0.0", "-1", "3", "1e-400", "1e999", "NaN", "true", "null", "1" * 400]
TOP_PS = ["0", "0.0", "-0.0", "5e-324", "1", "1.0", "1.1", "null", "[]"]
MANY = ['["a"' + ',"a"' * more + "]" for more in (15, 16)]
STOPS = ["[]", "null", '[""]', '["a"]', '["a",""]', '"a"', "[1]", r'["\ud800"]', *MANY]
SEEDS = ["0", "-0", "-1", "1.0", str(2**63 - 1), str(2**63), "null", "false"]
SCHEMAS = [
    '"tallystick/request/2"', '"tallystick/"', '"tallystick"', '"other"', "5", "null", r'"\u0074allystick/request/1"',
]  # fmt: skip
WRITINGS = [
    ' \n{"schema":"%s","prompt":"a"}\r\t', '\v{"schema":"%s","prompt":1}', '\ufeff{"schema":"%s","prompt":1}',
    '{"schema":"%s","prompt":1}x', '{"schema":"%s","prompt":1,}', '{"schema":"%s","prompt":"\n"}', '{"schema":"%s"}',
    '{"schema":"other","schema":"%s","prompt":"a"}', '{"schema":"%s","schema":"other","prompt":"a"}', "{'schema':'%s'}",
    '{"schema":"%s","prompt":1}//', '[{"schema":"%s","prompt":1}]',
]  # fmt: skip


def asked() -> Iterator[Bundle]:
    """Texts and request documents: those that can be read fail later, at the commitment."""
    for prompt in (b"caf\xe9", b"\xff{}", *(text.encode() for text in (*_texts(), *_documents()))):
        yield replace(resigned(prompt_cid=str(cid_of(prompt))), prompt=to_payload(prompt))


def _texts() -> Iterator[str]:
    yield from ("Hi", "", " \n", BLANKS, BLANKS + "x", "\ufeff", "\u200b", "\u180e", *NOT_JSON)
    for depth in (61, 62, 63, 64, 65, 500, 5000):
        yield from (_document(f'"more":{"[" * depth}{inner}{"]" * depth}') for inner in ("", "0"))


def _documents() -> Iterator[str]:
    yield from (_document(f'"prompt":{each}') for each in PROMPTS)
    yield from (_document(f'"messages":{each}') for each in MESSAGES)
    settings = {"max_tokens": COUNTS, "temperature": TEMPERATURES, "top_p": TOP_PS, "stop": STOPS, "seed": SEEDS}
    for name, values in settings.items():
        yield from (_document(f'"prompt":"a","{name}":{each}') for each in values)
    yield from (f'{{"schema":{each},"prompt":"a"}}' for each in SCHEMAS)
    yield from (each % SCHEMA for each in WRITINGS)


def _document(fields: str) -> str:
    return f'{{"schema":"{SCHEMA}",{fields}}}'


def answered() -> Iterator[Bundle]:
    """Answers of all sizes under each name that `ipfs add` gives them, and under others."""
    namings: list[Callable[[bytes], Cid]] = [
        cid_of,
        lambda data: cid_of(data, 0, True),
        lambda data: cid_of(data, 1),
        lambda data: cid_of(data, 1, False),
        lambda data: replace(cid_of(data, 1), codec=RAW),
        lambda data: replace(cid_of(data), digest=bytes(32)),
    ]
    for data in (bytes([letter]) * length for length in LENGTHS for letter in (0x61, 0xFE)):
        for naming in namings:
            yield replace(resigned(response_cid=str(naming(data))), response=to_payload(data))


def named() -> Iterator[Bundle]:
    """Ways to write the name of one answer."""
    zero, one = cid_of(b"a"), cid_of(b"a", 1)
    spoiled = (
        b"\x02" + one.binary[1:],
        one.binary[:1] + b"\x56" + one.binary[2:],
        one.binary[:2] + b"\x13" + one.binary[3:],
    )
    texts = [
        "", "Q", "Qm", "b", "z", "1" * 46, "x" * 129, "b" + "a" * 58, "Qm" + "z" * 44, "Qm" + "ß" * 44, "b" + "ß" * 58,
        f"{zero}0", f"{zero}"[:-1], f" {zero}", f"{zero}\n", f"b{zero}", f"z{zero}", f"{zero}".replace("Qm", "Qn"),
        f"{one}a", f"{one}"[:-1], f"{one}"[:-1] + "b", f"{one}=", f"{one}".upper(), "B" + f"{one}"[1:],
        f"QmI{zero}", f"f{one.binary.hex()}", "z1" + base58(one.binary),
        *("z" + base58(each) for each in (one.binary, zero.binary, *spoiled)),
    ]  # fmt: skip
    for text in texts:
        yield replace(resigned(response_cid=text), response=to_payload(b"a"))


def base58(data: bytes) -> str:
    number, letters = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[rest] + letters
    return letters
