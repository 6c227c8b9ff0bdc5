# pragma version 0.4.3
# pragma optimize gas
# SPDX-License-Identifier: Apache-2.0
"""
@title ReceiptVerifier
@license Apache-2.0
@notice Checks Groth16 proofs of the receipt circuit (contracts/circuits/receipt.circom). Written by
        `python -m receipts.verifier_contract` from the verifying key; never edited by hand.
@dev A proof is A.x, A.y, B.x imaginary, B.x real, B.y imaginary, B.y real, C.x, C.y. Public inputs are jobKey, terms,
     amount, commitment. A proof is malleable: (-A, -B, C) verifies as well, so never identify a receipt by its proof.
"""

FIELD: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
PAIRING: constant(address) = 0x0000000000000000000000000000000000000008
DIGEST: constant(bytes32) = 0x990399457c94113f5542b3c57dc22345bb178bcba5c1ed7ae841dc3b1ef37fbd
NEGATED_ALPHA: constant(uint256[2]) = [
    19612429680688384216716350139340832788372198884302747058959609375287011050690,
    2091618041826905517242961995101034514699934834414976120023773132041723895393,
]
BETA: constant(uint256[4]) = [
    21226206880642665302693707827625709886013526114583406467707453986751863313943,
    2956924648258261686726649819651846142481944893495475071299078467861883128279,
    15911665166875089586492807968089290431903547944536061835663254299450163166668,
    8678629970321317336308728190861296882641198389445860627702375051843704816674,
]
NEGATED_GAMMA: constant(uint256[4]) = [
    11559732032986387107991004021392285783925812861821192530917403151452391805634,
    10857046999023057135944570762232829481370756359578518086990519993285655852781,
    17805874995975841540914202342111839520379459829704422454583296818431106115052,
    13392588948715843804641432497768002650278120570034223513918757245338268106653,
]
NEGATED_DELTA: constant(uint256[4]) = [
    7685246248608745391236061312940708194453166959139659457176676324035693784713,
    4072667233945131767044388095036091886369538092683563262487482505855154106960,
    12258638932812073968433308183371758960173102426969605617097116468067384346736,
    739377402948672735490924873298063719855078802011698519656100178643119185901,
]
INPUT_0: constant(uint256[2]) = [
    11168415249438808933476934454670206072136602809001302307953716339947831114126,
    15189413497952682781675484001725067455036107149093022880045480059543968919023,
]
INPUT_1: constant(uint256[2]) = [
    6389100871318107324347014566329908115143550660208146756497020702790276112619,
    3637836808888179293274321750015148014633945172912184954231211428314119722602,
]
INPUT_2: constant(uint256[2]) = [
    508675942891281321800331482403838120096618585917868470459241983572448598059,
    5647190200413987048921451147091725900090620831423055199610304180996710257553,
]
INPUT_3: constant(uint256[2]) = [
    13095192318669718294051982555880048124511465141910058966348373556634223016066,
    15683389611055138469194197879519556705461186519789151905708679289025008282135,
]
INPUT_4: constant(uint256[2]) = [
    19626164930639317254595415347867096765406308824233822594771872099736536659634,
    19932634632621584371817258762763018710502124629195925359764101635273215939752,
]


@external
@view
def circuitDigest() -> bytes32:
    """
    @notice SHA-256 of the verifying key's canonical JSON
    """
    return DIGEST


@external
@view
def verify(proof: uint256[8], inputs: uint256[4]) -> bool:
    """
    @notice Whether the proof shows the statement for these public inputs
    @dev Reverts for an input that is not below the field's modulus and for coordinates that are no point
    """
    known: uint256[2] = INPUT_0
    assert inputs[0] < FIELD, "an input is not below the field's modulus"
    known = ecadd(known, ecmul(INPUT_1, inputs[0]))
    assert inputs[1] < FIELD, "an input is not below the field's modulus"
    known = ecadd(known, ecmul(INPUT_2, inputs[1]))
    assert inputs[2] < FIELD, "an input is not below the field's modulus"
    known = ecadd(known, ecmul(INPUT_3, inputs[2]))
    assert inputs[3] < FIELD, "an input is not below the field's modulus"
    known = ecadd(known, ecmul(INPUT_4, inputs[3]))
    result: Bytes[32] = raw_call(
        PAIRING,
        abi_encode(
            proof[0], proof[1], proof[2], proof[3], proof[4], proof[5],
            NEGATED_ALPHA, BETA, known, NEGATED_GAMMA, proof[6], proof[7], NEGATED_DELTA,
        ),
        max_outsize=32,
        is_static_call=True,
    )
    return convert(result, uint256) == 1


@external
@view
def verifyBatch(proofs: DynArray[uint256[8], 32], inputs: DynArray[uint256[4], 32]) -> bool:
    """
    @notice Whether every proof shows the statement for its public inputs
    @dev Reverts for an empty batch, for unequal lengths, and where `verify` does
    """
    count: uint256 = len(proofs)
    assert count > 0, "the batch is empty"
    assert len(inputs) == count, "proofs and inputs differ in number"
    seed: bytes32 = keccak256(abi_encode(proofs, inputs))
    pairs: uint256[210] = empty(uint256[210])
    sums: uint256[4] = empty(uint256[4])
    c: uint256[2] = empty(uint256[2])
    weights: uint256 = 0
    at: uint256 = 0
    for i: uint256 in range(count, bound=32):
        weight: uint256 = 1
        ai: uint256[2] = [proofs[i][0], proofs[i][1]]
        ci: uint256[2] = [proofs[i][6], proofs[i][7]]
        if i != 0:
            weight = convert(keccak256(concat(seed, convert(i, bytes32))), uint256) >> 128
            ai = ecmul(ai, weight)
            ci = ecmul(ci, weight)
        weights = unsafe_add(weights, weight)
        assert inputs[i][0] < FIELD, "an input is not below the field's modulus"
        sums[0] = uint256_addmod(sums[0], uint256_mulmod(weight, inputs[i][0], FIELD), FIELD)
        assert inputs[i][1] < FIELD, "an input is not below the field's modulus"
        sums[1] = uint256_addmod(sums[1], uint256_mulmod(weight, inputs[i][1], FIELD), FIELD)
        assert inputs[i][2] < FIELD, "an input is not below the field's modulus"
        sums[2] = uint256_addmod(sums[2], uint256_mulmod(weight, inputs[i][2], FIELD), FIELD)
        assert inputs[i][3] < FIELD, "an input is not below the field's modulus"
        sums[3] = uint256_addmod(sums[3], uint256_mulmod(weight, inputs[i][3], FIELD), FIELD)
        c = ecadd(c, ci)
        pairs[at] = ai[0]
        pairs[unsafe_add(at, 1)] = ai[1]
        pairs[unsafe_add(at, 2)] = proofs[i][2]
        pairs[unsafe_add(at, 3)] = proofs[i][3]
        pairs[unsafe_add(at, 4)] = proofs[i][4]
        pairs[unsafe_add(at, 5)] = proofs[i][5]
        at = unsafe_add(at, 6)
    known: uint256[2] = ecmul(INPUT_0, weights)
    known = ecadd(known, ecmul(INPUT_1, sums[0]))
    known = ecadd(known, ecmul(INPUT_2, sums[1]))
    known = ecadd(known, ecmul(INPUT_3, sums[2]))
    known = ecadd(known, ecmul(INPUT_4, sums[3]))
    alpha: uint256[2] = ecmul(NEGATED_ALPHA, weights)
    pairs[unsafe_add(at, 0)] = alpha[0]
    pairs[unsafe_add(at, 1)] = alpha[1]
    pairs[unsafe_add(at, 2)] = BETA[0]
    pairs[unsafe_add(at, 3)] = BETA[1]
    pairs[unsafe_add(at, 4)] = BETA[2]
    pairs[unsafe_add(at, 5)] = BETA[3]
    pairs[unsafe_add(at, 6)] = known[0]
    pairs[unsafe_add(at, 7)] = known[1]
    pairs[unsafe_add(at, 8)] = NEGATED_GAMMA[0]
    pairs[unsafe_add(at, 9)] = NEGATED_GAMMA[1]
    pairs[unsafe_add(at, 10)] = NEGATED_GAMMA[2]
    pairs[unsafe_add(at, 11)] = NEGATED_GAMMA[3]
    pairs[unsafe_add(at, 12)] = c[0]
    pairs[unsafe_add(at, 13)] = c[1]
    pairs[unsafe_add(at, 14)] = NEGATED_DELTA[0]
    pairs[unsafe_add(at, 15)] = NEGATED_DELTA[1]
    pairs[unsafe_add(at, 16)] = NEGATED_DELTA[2]
    pairs[unsafe_add(at, 17)] = NEGATED_DELTA[3]
    result: Bytes[32] = raw_call(
        PAIRING,
        slice(abi_encode(pairs), 0, (at + 18) * 32),
        max_outsize=32,
        is_static_call=True,
    )
    return convert(result, uint256) == 1
