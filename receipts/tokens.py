"""A model's tokenizer files in, counts of tokens out: the recount that tells whether a receipt's figures are true.

The files must be those that the manifest lists: the recount uses the very tokenizer that the job was ordered with.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol

import msgspec

from .model_manifest import ModelManifest, check, decode_manifest
from .request import Message

TOKENIZER, CONFIG, TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
REPLACEMENT = "\ufffd"


class CannotCount(Exception):
    """The tokenizer's files or libraries are missing."""


class BadTemplate(ValueError):
    """The chat template refuses these messages."""


class Tokenizer(Protocol):
    """What a recount asks for."""

    def count_prompt(self, messages: Sequence[Message]) -> int: ...

    def decode(self, ids: Sequence[int]) -> str: ...


class FolderTokenizer:
    """The tokenizer and chat template of a model folder, as Hugging Face lays them out."""

    def __init__(self, folder: Path, manifest: ModelManifest) -> None:
        check(folder, manifest, frozenset({TOKENIZER, CONFIG, TEMPLATE}))
        try:
            from jinja2.sandbox import ImmutableSandboxedEnvironment
            from tokenizers import Tokenizer as Native
        except ImportError as fault:
            raise CannotCount(f"{fault.name} is not installed: pip install 'tallystick-receipts[tokens]'") from None
        listed = {file.name for file in manifest.files}
        if TOKENIZER not in listed:
            raise CannotCount(f"the model's manifest lists no {TOKENIZER}: its tokens cannot be counted here")
        self._native = Native.from_file(str(folder / TOKENIZER))
        self._names = _special_names(folder) if CONFIG in listed else {}
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        self._template = environment.from_string(_template(folder, listed))

    def count_prompt(self, messages: Sequence[Message]) -> int:
        """Tokens of the messages in the chat template, with the opening of the answer."""
        plain = [{"role": message.role, "content": message.content} for message in messages]
        text = self._template.render(messages=plain, add_generation_prompt=True, **self._names)
        return len(self._native.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self._native.decode(list(ids), skip_special_tokens=True)
        return text


def tokenizer_in(folder: Path) -> Callable[[bytes], Tokenizer]:
    """A function from a model's manifest to its tokenizer, whose files are in `folder`."""
    return lambda manifest: FolderTokenizer(folder, decode_manifest(manifest))


def agrees(decoded: str, response: str, stops: Sequence[str]) -> bool:
    """Whether tokens that decode to `decoded` were answered as `response`: cut before a stop sequence, or before a
    character that was not finished."""
    if not decoded.startswith(response):
        return False
    rest = decoded[len(response) :]
    return not rest.strip(REPLACEMENT) or any(rest.startswith(stop) for stop in stops)


def _template(folder: Path, listed: set[str]) -> str:
    if TEMPLATE in listed:
        return (folder / TEMPLATE).read_text()
    template = _config(folder).get("chat_template") if CONFIG in listed else None
    if not isinstance(template, str):
        raise CannotCount("the model's manifest lists no chat template: its prompts cannot be counted here")
    return template


def _special_names(folder: Path) -> dict[str, str]:
    """Tokens that templates name: `bos_token` and the like, each a text or an object with its `content`."""
    names = {}
    for name, value in _config(folder).items():
        text = value.get("content") if isinstance(value, dict) else value
        if name.endswith("_token") and isinstance(text, str):
            names[name] = text
    return names


def _config(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = msgspec.json.decode((folder / CONFIG).read_bytes(), type=dict[str, Any])
    return config


def _refuse(reason: str) -> NoReturn:
    raise BadTemplate(f"the model's chat template refuses the messages: {reason}")
