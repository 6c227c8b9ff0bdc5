// SPDX-License-Identifier: Apache-2.0
// Ten field elements in, their Poseidon hash out, as in the Poseidon paper (Grassi et al., USENIX Security 2021).
pragma circom 2.1.0;

include "poseidon_constants.circom";

// x^5 by x^2 and x^3: no product but these appears twice, so the second factors (the prover's costly side, in G2) are few.
template FifthPower() {
    signal input in;
    signal output out;
    signal square <== in * in;
    signal cube <== square * in;
    out <== square * cube;
}

// One round: constants are added, the first `boxed` words go through the S-box, the matrix mixes all.
template PoseidonRound(width, constants, boxed, matrix) {
    signal input in[width];
    signal output out[width];

    component box[boxed];
    for (var i = 0; i < boxed; i++) {
        box[i] = FifthPower();
        box[i].in <== in[i] + constants[i];
    }
    for (var i = 0; i < width; i++) {
        var mixed = 0;
        for (var j = 0; j < width; j++) {
            if (j < boxed) {
                mixed += matrix[i][j] * box[j].out;
            } else {
                mixed += matrix[i][j] * (in[j] + constants[j]);
            }
        }
        out[i] <== mixed;
    }
}

template Poseidon() {
    var width = poseidonWidth();
    var partial = poseidonPartialRounds();
    var constants[width * (8 + partial)] = poseidonConstants();
    var matrix[width][width] = poseidonMatrix();

    signal input in[width - 1];
    signal output out;

    component round[8 + partial];
    for (var r = 0; r < 8 + partial; r++) {
        var own[width];
        for (var i = 0; i < width; i++) {
            own[i] = constants[r * width + i];
        }
        round[r] = PoseidonRound(width, own, r < 4 || r >= 4 + partial ? width : 1, matrix);
        for (var i = 0; i < width; i++) {
            if (r > 0) {
                round[r].in[i] <== round[r - 1].out[i];
            } else {
                round[r].in[i] <== i == 0 ? 0 : in[i - 1];
            }
        }
    }
    out <== round[7 + partial].out[0];
}
