"""A folder in, a model folder without weights out: a tokenizer of one token a byte, and a chat template."""

from pathlib import Path

import msgspec
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

TEMPLATE = (
    "{% for message in messages %}\n"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + eos_token + '\n' -}}\n"
    "{% endfor %}\n"
    "{% if messages[0]['role'] == 'assistant' %}{{ raise_exception('who asks?') }}{% endif %}\n"
    "{% if add_generation_prompt %}\n{{ '<|im_start|>assistant\n' -}}\n{% endif %}\n"
)


def write_tokenizer(folder: Path) -> None:
    model = tokenizers.Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    model.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=258,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    model.train_from_iterator([], trainer)
    model.save(str(folder / "tokenizer.json"), pretty=False)
    config = {"eos_token": {"content": "<|im_end|>"}, "bos_token": "<|im_start|>", "model_max_length": 2048}
    (folder / "tokenizer_config.json").write_bytes(msgspec.json.encode(config))
    (folder / "chat_template.jinja").write_text(TEMPLATE)


def ids_of(folder: Path, text: str) -> list[int]:
    return list(tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids)
