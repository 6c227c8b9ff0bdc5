"""Plain text is asked as it is; a request document says more, and is read strictly."""

import json
from typing import Any

import pytest

from receipts.request import SCHEMA, BadRequest, Message, Request, encode_request, parse


def document(**fields: Any) -> bytes:
    return json.dumps({"schema": SCHEMA, **fields}).encode()


def test_plain_text_is_one_message_of_the_user() -> None:
    assert parse(b"Why is the sky blue?").conversation == (Message(role="user", content="Why is the sky blue?"),)


@pytest.mark.parametrize(
    "text", ['{"a": 1}', "{not json", '{"schema": 5}', '{"schema": "other/1", "prompt": 3}', "[1]", "3"]
)
def test_text_that_looks_like_json_but_is_no_request_of_ours_stays_text(text: str) -> None:
    assert parse(text.encode()).prompt == text


@pytest.mark.parametrize(("depth", "is_text"), [(64, False), (65, True), (900, True), (100_000, True)])
def test_json_nested_deeper_than_any_request_is_text_whatever_the_parser_can_take(depth: int, is_text: bool) -> None:
    nested = b'{"schema":"tallystick/request/1","more":' + b"[" * (depth - 1) + b"0" + b"]" * (depth - 1) + b"}"
    if is_text:
        assert parse(nested).prompt == nested.decode()
    else:
        with pytest.raises(BadRequest, match="more"):
            parse(nested)


def test_a_document_names_messages_and_how_to_answer() -> None:
    request = parse(
        document(messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
                 max_tokens=5, temperature=1, top_p=0.5, stop=["\n"], seed=7)
    )  # fmt: skip
    assert request.conversation == (Message(role="system", content="Be brief."), Message(role="user", content="Hi"))
    assert (request.max_tokens, request.temperature, request.top_p, request.stop, request.seed) == (
        5, 1.0, 0.5, ("\n",), 7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "data"),
    [
        (Request(schema=SCHEMA, prompt="Hi"), b"Hi"),
        (
            Request(schema=SCHEMA, prompt="Hi", max_tokens=3),
            b'{"max_tokens":3,"prompt":"Hi","schema":"tallystick/request/1"}',
        ),
        (
            Request(schema=SCHEMA, messages=(Message(role="user", content="é"),)),
            '{"messages":[{"content":"é","role":"user"}],"schema":"tallystick/request/1"}'.encode(),
        ),
    ],
)
def test_what_is_encoded_is_read_back_the_same(request_: Request, data: bytes) -> None:
    assert encode_request(request_) == data
    assert parse(data) == request_


def test_text_that_would_be_taken_for_a_document_is_sent_as_one() -> None:
    asked = Request(schema=SCHEMA, prompt=document(prompt="inner").decode())
    assert parse(encode_request(asked)) == asked


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"caf\xe9", "not UTF-8 text: .* at byte 3"),
        (b"x" * 101, "has 101 bytes, the limit is 100"),
        ('{"a":1}'.encode("utf-16-le") + b"\xff", "not UTF-8 text"),
        (document(prompt="\ud800"), "half a character"),
        (document(), "either `messages` or `prompt`"),
        (document(prompt="a", messages=[{"role": "user", "content": "b"}]), "not both"),
        (document(messages=[]), "empty"),
        (document(prompt="a", stop=[""]), "stop sequence is empty"),
        (document(prompt="a", max_tokens=0), r"max_tokens"),
        (document(prompt="a", max_tokens=True), r"max_tokens"),
        (document(prompt="a", temperature=3), r"temperature"),
        (document(prompt="a", top_p=0), r"top_p"),
        (document(prompt="a", colour="red"), "colour"),
        (document(messages=[{"role": "judge", "content": "b"}]), "judge"),
        (b'{"schema":"tallystick/request/2","prompt":"a"}', "tallystick/request/2"),
        (b'{"schema":"tallystick/request/1","prompt":"a","prompt":"b"}', "twice"),
    ],
)
def test_a_bad_request_is_refused_with_what_is_wrong(data: bytes, complaint: str) -> None:
    with pytest.raises(BadRequest, match=complaint):
        parse(data, bytes_max=100)
