// SPDX-License-Identifier: Apache-2.0
// The statement of a receipt: token counts that are committed to, bound to one job, cost exactly `amount` at the job's
// prices, the completion is no longer than its maximum, and the times are in order. See receipts/statement.py.
pragma circom 2.1.0;

include "poseidon.circom";
include "range.circom";

template Receipt() {
    // Known to everybody: the contract computes the first two from its storage.
    signal input jobKey;
    signal input terms;
    signal input amount;
    signal input commitment;

    // Known to the worker. Digests are two limbs of 128 bits, high limb first; times are Unix milliseconds.
    signal input promptDigest[2];
    signal input responseDigest[2];
    signal input modelDigest[2];
    signal input promptTokens;
    signal input completionTokens;
    signal input startedAt;
    signal input duration;
    signal input salt;

    // What `terms` packs.
    signal input maxTokens;
    signal input pricePromptToken;
    signal input priceCompletionToken;

    Range(32)(promptTokens);
    Range(32)(completionTokens);
    Range(48)(startedAt);
    Range(40)(duration);
    Range(32)(maxTokens);
    Range(96)(pricePromptToken);
    Range(96)(priceCompletionToken);
    Range(32)(maxTokens - completionTokens);

    terms === maxTokens + pricePromptToken * (1 << 32) + priceCompletionToken * (1 << 128);

    signal promptCost <== pricePromptToken * promptTokens;
    signal completionCost <== priceCompletionToken * completionTokens;
    amount === promptCost + completionCost;

    component hash = Poseidon();
    hash.in[0] <== 0x74616c6c792e7631; // "tally.v1": a hash made for another purpose is no commitment
    hash.in[1] <== jobKey;
    hash.in[2] <== promptDigest[0];
    hash.in[3] <== promptDigest[1];
    hash.in[4] <== responseDigest[0];
    hash.in[5] <== responseDigest[1];
    hash.in[6] <== modelDigest[0];
    hash.in[7] <== modelDigest[1];
    hash.in[8] <== salt;
    hash.in[9] <== promptTokens + completionTokens * (1 << 32) + startedAt * (1 << 64) + duration * (1 << 112);
    commitment === hash.out;
}

component main {public [jobKey, terms, amount, commitment]} = Receipt();
