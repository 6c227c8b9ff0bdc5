"""Tokens are counted with the model's own tokenizer and template, whose files the manifest vouches for."""

from pathlib import Path

import msgspec
import pytest

from receipts.model_manifest import BadModelFiles, ModelManifest, describe, encode_manifest
from receipts.request import Message
from receipts.tokens import BadTemplate, CannotCount, FolderTokenizer, agrees, tokenizer_in
from tests.receipts.byte_tokenizer import TEMPLATE, ids_of, write_tokenizer

QUESTION = (Message(role="system", content="Be brief."), Message(role="user", content="héllo wörld"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tokenizer(tmp_path)
    return tmp_path


def test_a_prompt_is_counted_within_the_chat_template(folder: Path) -> None:
    rendered = (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhéllo wörld<|im_end|>\n<|im_start|>assistant\n"
    )
    assert FolderTokenizer(folder, describe(folder)).count_prompt(QUESTION) == len(ids_of(folder, rendered))


def test_a_template_kept_in_the_configuration_counts_the_same(folder: Path) -> None:
    count = FolderTokenizer(folder, describe(folder)).count_prompt(QUESTION)
    (folder / "chat_template.jinja").unlink()
    config = msgspec.json.decode((folder / "tokenizer_config.json").read_bytes())
    (folder / "tokenizer_config.json").write_bytes(msgspec.json.encode({**config, "chat_template": TEMPLATE}))
    assert FolderTokenizer(folder, describe(folder)).count_prompt(QUESTION) == count


def test_an_answer_is_decoded_without_the_special_tokens(folder: Path) -> None:
    tokenizer = FolderTokenizer(folder, describe(folder))
    assert tokenizer.decode(ids_of(folder, "wörld<|im_end|>")) == "wörld"


def test_the_tokenizer_is_found_by_the_model_s_manifest(folder: Path) -> None:
    manifest = encode_manifest(describe(folder))
    assert tokenizer_in(folder)(manifest).count_prompt(QUESTION) > 0


def test_a_tokenizer_that_the_manifest_does_not_vouch_for_is_refused(folder: Path) -> None:
    manifest = describe(folder)
    (folder / "chat_template.jinja").write_text("short")
    with pytest.raises(BadModelFiles, match=r"chat_template\.jinja has the SHA-256"):
        FolderTokenizer(folder, manifest)


def test_a_manifest_without_a_tokenizer_or_template_is_refused(folder: Path) -> None:
    with pytest.raises(CannotCount, match=r"lists no tokenizer\.json"):
        FolderTokenizer(folder, ModelManifest(()))
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(CannotCount, match="lists no chat template"):
        FolderTokenizer(folder, describe(folder))


def test_messages_that_the_template_refuses_are_named(folder: Path) -> None:
    with pytest.raises(BadTemplate, match="who asks"):
        FolderTokenizer(folder, describe(folder)).count_prompt((Message(role="assistant", content="I"),))


@pytest.mark.parametrize(
    ("decoded", "response", "stops", "agreed"),
    [
        ("Hello", "Hello", (), True),
        ("Hello\ufffd", "Hello", (), True),
        ("Hello\nUser: hi", "Hello", ("\nUser",), True),
        ("Hello\nUser: hi", "Hello", ("User",), False),
        ("Hello there", "Hello", (), False),
        ("Hello", "Hello there", (), False),
        ("Hello", "", (), False),
        ("", "", (), True),
    ],
)
def test_tokens_agree_with_the_answer_they_decode_to(
    decoded: str, response: str, stops: tuple[str, ...], agreed: bool
) -> None:
    assert agrees(decoded, response, stops) == agreed
