"""What an operator may choose about proving: keys, prover, and where compiled code and ceremony tools are kept."""

from pathlib import Path

from msgspec import Struct

HERE = Path(__file__).parents[1]
PROVERS = ("zksnake", "groth16py")


class ReceiptSettings(Struct, frozen=True):
    """Folders are paths; `prover` names the arithmetic that makes the proofs."""

    keys_folder: str = str(HERE / "contracts" / "circuits" / "keys" / "receipt")
    prover: str = "zksnake"
    cache_folder: str = str(HERE / ".tallystick" / "cache")
    """Compiled witness generators: safe to delete at any time."""
    tools_folder: str = str(HERE / ".tools")
    """Where npm put circom2 and snarkjs; only ceremonies need them."""

    def __post_init__(self) -> None:
        if self.prover not in PROVERS:
            raise ValueError(f"prover is {self.prover!r}: choose {' or '.join(PROVERS)}")
        for name in ("keys_folder", "cache_folder", "tools_folder"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty: it must name a folder")
