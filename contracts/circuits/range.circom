// SPDX-License-Identifier: Apache-2.0
// A field element in; no witness exists unless it is below 2^bits.
pragma circom 2.1.0;

template Range(bits) {
    signal input in;
    signal bit[bits];
    var sum = 0;
    for (var i = 0; i < bits; i++) {
        bit[i] <-- (in >> i) & 1;
        bit[i] * (bit[i] - 1) === 0;
        sum += bit[i] * (1 << i);
    }
    sum === in;
}
