"""A statement's two sides in, a proof that was checked out: whichever arithmetic makes it, none leaves unverified."""

from pathlib import Path
from typing import Protocol

from .keys import Keys
from .proof import Proof
from .statement import FalseStatement, PrivatePart, PublicInputs
from .verifying import verify
from .verifying_key import VerifyingKey
from .witness import Witness, WitnessGenerator
from .zkey import parse_zkey


class ProverMissing(Exception):
    """A prover that is not installed, or not known."""


class Arithmetic(Protocol):
    """What differs between provers: a witness in, a proof out, right or wrong."""

    def __call__(self, witness: Witness) -> Proof: ...


class Prover:
    """Proves receipts with one set of keys. Not for two threads at once."""

    def __init__(self, generate: WitnessGenerator, arithmetic: Arithmetic, key: VerifyingKey) -> None:
        self._generate, self._arithmetic, self._key = generate, arithmetic, key

    def prove(self, private: PrivatePart, public: PublicInputs) -> Proof:
        """A proof that verifies. Raises FalseStatement where there is none to make."""
        proof = self._arithmetic(self._generate(private, public))
        if verify(self._key, proof, public) is not True:
            raise FalseStatement("the proof that was made does not verify: the witness or the keys do not fit")
        return proof


def load_prover(keys: Keys, chain_id: int, name: str = "zksnake", cache: Path | None = None) -> Prover:
    """The prover of this name, ready to prove for this chain; `cache` keeps the compiled witness generator."""
    keys.require_chain(chain_id)
    arithmetic = _arithmetic(keys, name)
    return Prover(WitnessGenerator(keys.witness_generator, cache), arithmetic, keys.verifying_key)


def _arithmetic(keys: Keys, name: str) -> Arithmetic:
    if name == "zksnake":
        from .zksnake_prover import ZksnakeArithmetic

        return ZksnakeArithmetic(parse_zkey(keys.proving_key))
    if name == "groth16py":
        try:
            from .groth16py_prover import Groth16pyArithmetic
        except ImportError:
            raise ProverMissing("groth16py is not installed: `pip install groth16py`, or choose zksnake") from None
        return Groth16pyArithmetic(keys.proving_key)
    raise ProverMissing(f"there is no prover {name!r}: choose zksnake or groth16py")
