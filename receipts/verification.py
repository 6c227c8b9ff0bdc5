"""An evidence bundle and the verifier's own pins in, a verdict with every step out; nothing is verified by default.

Steps run in order and stop at the first that fails. Whatever a step raises is a failure of that step.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from .checks import CHECKS, Case, PairingCheck, Skipped
from .deployment import Deployment
from .evidence import decode_bundle
from .tokens import Tokenizer
from .verifying import verify

Outcome = Literal["verified", "consistent", "failed"]
EXIT_CODES: dict[Outcome, int] = {"verified": 0, "failed": 1, "consistent": 3}


class Step(Struct, frozen=True):
    """`passed` is None where the step was skipped."""

    name: str
    passed: bool | None
    detail: str


class Verdict(Struct, frozen=True):
    """The outcome and how it came about; `consistent` means that only the anchor to the chain is missing."""

    outcome: Outcome
    steps: tuple[Step, ...]

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.outcome]

    @property
    def failure(self) -> Step | None:
        return next((step for step in self.steps if step.passed is False), None)


def verify_bundle(
    data: bytes,
    deployment: Deployment,
    *,
    block_hash: bytes | None = None,
    block_hash_at: Callable[[int], bytes | None] | None = None,
    tokenizer_of: Callable[[bytes], Tokenizer] | None = None,
    pairing_check: PairingCheck = verify,
) -> Verdict:
    """Judges a bundle. The anchor is the block's hash, or a function that asks the chain for the hash of a number;
    `tokenizer_of` gives the tokenizer of the model with the given manifest."""
    try:
        bundle = decode_bundle(data)
    except Exception as fault:
        return Verdict("failed", (Step("encoding", False, _reason(fault)),))
    case = Case(
        bundle=bundle,
        deployment=deployment,
        block_hash=block_hash,
        block_hash_at=block_hash_at,
        tokenizer_of=tokenizer_of,
        pairing_check=pairing_check,
    )
    steps = [Step("encoding", True, f"{len(data)} bytes in their one canonical form")]
    for name, check in CHECKS.items():
        steps.append(_run(name, check, case))
        if steps[-1].passed is False:
            return Verdict("failed", tuple(steps))
    return Verdict("verified" if steps[-1].passed else "consistent", tuple(steps))


def _run(name: str, check: Callable[[Case], str], case: Case) -> Step:
    try:
        return Step(name, True, check(case))
    except Skipped as reason:
        return Step(name, None, str(reason))
    except Exception as fault:
        return Step(name, False, _reason(fault))


def _reason(fault: Exception) -> str:
    return str(fault) or type(fault).__name__
