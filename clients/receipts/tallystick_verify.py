"""An evidence bundle and the verifier's own pins in, a line a step and an exit status out: `tallystick-verify`."""

import argparse
import json
import re
import sys
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tallystick_receipts.deployment import BadDeployment, Deployment, load
from tallystick_receipts.tokens import CannotCount, tokenizer_in
from tallystick_receipts.verification import Verdict, verify_bundle
from tallystick_receipts.verifying import verify

WRONG_USE = 2
BUNDLE_BYTES_MAX = 256 << 20
ANSWER_BYTES_MAX = 16 << 20
RPC_TIMEOUT_S = 20
MARKS = {True: "ok", False: "FAILED", None: "skipped"}


class WrongUse(Exception):
    """The command cannot be carried out as it was given."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        verdict = _verify(options)
    except (WrongUse, BadDeployment, CannotCount) as fault:
        print(f"error: {fault}", file=sys.stderr)
        return WRONG_USE
    for step in verdict.steps:
        print(f"{MARKS[step.passed]:8}{step.name:12}{step.detail}")
    print(verdict.outcome)
    return verdict.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tallystick-verify",
        description="Checks an evidence bundle. "
        "Exit status: 0 verified, 3 consistent but not anchored, 1 failed, 2 wrong use.",
        epilog="example: tallystick-verify evidence.json --deployment deployment.json --rpc http://127.0.0.1:8545",
    )
    parser.add_argument("bundle", type=Path, help="the evidence bundle")
    parser.add_argument("--deployment", type=Path, default=Path("deployment.json"), help="your pins (deployment.json)")
    anchor = parser.add_mutually_exclusive_group()
    anchor.add_argument("--block-hash", help="hash of the settling block, from a source that you trust")
    anchor.add_argument("--rpc", help="URL of a node that you trust to know its chain")
    parser.add_argument("--tokenizer", type=Path, help="folder of the model, to count tokens again")
    parser.add_argument("--oracle", action="store_true", help="check the proof in pure Python, by py_ecc")
    return parser


def _verify(options: argparse.Namespace) -> Verdict:
    deployment = load(options.deployment)
    return verify_bundle(
        _read(options.bundle),
        deployment,
        block_hash=_hash(options.block_hash),
        block_hash_at=_asking(options.rpc, deployment),
        tokenizer_of=tokenizer_in(options.tokenizer) if options.tokenizer else None,
        pairing_check=_oracle() if options.oracle else verify,
    )


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > BUNDLE_BYTES_MAX:
            raise WrongUse(f"{path} has more than {BUNDLE_BYTES_MAX} bytes: it is no evidence bundle")
        return path.read_bytes()
    except OSError as fault:
        raise WrongUse(f"{path}: {fault.strerror}; name the file of an evidence bundle") from None


def _hash(text: str | None) -> bytes | None:
    if text is None:
        return None
    if not re.fullmatch("0x[0-9a-fA-F]{64}", text):
        raise WrongUse(f"--block-hash {text!r} is not 0x and 64 hex digits")
    return bytes.fromhex(text[2:])


def _asking(url: str | None, deployment: Deployment) -> Callable[[int], bytes | None] | None:
    """A function that asks the node at `url` for the hash of a block; the node must be on the deployment's chain."""
    if url is None:
        return None
    chain_id = int(_ask(url, "eth_chainId"), 16)
    if chain_id != deployment.chain_id:
        raise WrongUse(f"{url} is on chain {chain_id}, the deployment is on chain {deployment.chain_id}")

    def block_hash_at(number: int) -> bytes | None:
        block = _ask(url, "eth_getBlockByNumber", hex(number), False)
        return None if block is None else bytes.fromhex(block["hash"][2:])

    return block_hash_at


def _ask(url: str, method: str, *parameters: object) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
    try:
        request = urllib.request.Request(url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=RPC_TIMEOUT_S) as response:
            answer = json.loads(response.read(ANSWER_BYTES_MAX))
        return answer["result"]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise WrongUse(f"the node at {url} does not answer {method}: {fault}") from None


def _oracle() -> Callable[..., bool]:
    try:
        from tallystick_receipts.oracle import verify_slowly
    except ImportError:
        raise WrongUse("py_ecc is not installed: pip install 'tallystick-receipts[oracle]'") from None
    return verify_slowly


if __name__ == "__main__":
    raise SystemExit(main())
