# pragma version 0.4.3
# @license Apache-2.0
"""
@title The verifiers of receipts, by version
@notice A job is bound to the version of its time. Versions are added for new jobs and never changed for old ones.
"""

interface Verifier:
    def verify(proof: uint256[8], inputs: uint256[4]) -> bool: view
    def verifyBatch(proofs: DynArray[uint256[8], 32], inputs: DynArray[uint256[4], 32]) -> bool: view
    def circuitDigest() -> bytes32: view

event VerifierAdded:
    version: indexed(uint256)
    verifier: address
    circuitDigest: bytes32

# A job remembers its version in 16 bits.
VERSIONS_MAX: constant(uint256) = 2**16 - 1

verifiers: public(HashMap[uint256, address])
verifierVersion: public(uint256)


@external
@view
def currentVerifier() -> address:
    """@notice The verifier that new jobs are bound to."""
    return self.verifiers[self.verifierVersion]


@internal
def _add(verifier: address):
    version: uint256 = self.verifierVersion + 1
    assert version <= VERSIONS_MAX, "too many verifiers"
    digest: bytes32 = staticcall Verifier(verifier).circuitDigest()
    self.verifiers[version] = verifier
    self.verifierVersion = version
    log VerifierAdded(version=version, verifier=verifier, circuitDigest=digest)


@internal
@view
def _check(version: uint256, proof: uint256[8], inputs: uint256[4]):
    assert staticcall Verifier(self.verifiers[version]).verify(proof, inputs), "invalid proof"


@internal
@view
def _check_all(version: uint256, proofs: DynArray[uint256[8], 32], inputs: DynArray[uint256[4], 32]):
    assert staticcall Verifier(self.verifiers[version]).verifyBatch(proofs, inputs), "invalid proof in batch"
