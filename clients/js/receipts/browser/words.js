/** Steps and outcomes in, what a reader is told of them out: exactly what each means, and no more. */

/** @typedef {import("../src/verify.js").Verdict} Verdict */
/** @typedef {"queued" | "running" | "passed" | "skipped" | "failed" | "unreached"} State */

/** @type {Record<string, { title: string, meaning: string }>} */
export const STEP_WORDS = {
  encoding: { title: "Encoding", meaning: "The file is in its one canonical form: nothing can hide in another." },
  pins: { title: "Pins", meaning: "Chain, contract and circuit are those of the pins." },
  content: { title: "Content", meaning: "Prompt, answer and model hash to the names that the receipt gives them." },
  tokens: { title: "Token counts", meaning: "The counts are those of the tokens listed, within what was asked for." },
  signature: { title: "Signature", meaning: "The worker signed this receipt." },
  commitment: {
    title: "Commitment",
    meaning: "Digests, counts, times and salt give the number that the proof is about.",
  },
  proof: { title: "Proof", meaning: "The zero-knowledge proof holds for job, terms, amount and commitment." },
  terms: { title: "Price", meaning: "The amount paid is what these tokens cost at the job's prices." },
  settlement: {
    title: "Settlement",
    meaning: "The contract accepted this very receipt in a transaction of the block.",
  },
  anchor: { title: "Anchor", meaning: "The block is the one whose hash you gave." },
};

/** @type {Record<State, string>} */
export const STATE_WORDS = {
  queued: "waiting",
  running: "checking",
  passed: "holds",
  skipped: "not checked",
  failed: "fails",
  unreached: "not reached",
};

const NOT_SHOWN =
  "Not shown by this: that the token counts are true (they are the worker's word, held to the tokens it lists), nor that " +
  "this model computed the answer.";

/** @param {Verdict} verdict @param {number} tookMs @returns {{ title: string, lines: string[] }} */
export function tell({ outcome, steps }, tookMs) {
  const took = `Checked in this browser in ${Math.round(tookMs)} ms.`;
  if (outcome === "verified") {
    const text =
      "Every step holds, and the block is the one whose hash you gave: this receipt was accepted and paid on chain.";
    return { title: "Verified", lines: [text, NOT_SHOWN, took] };
  }
  if (outcome === "consistent") {
    const text =
      "Everything in the evidence fits together, but nothing shows yet that its block is on the chain. Look the block up " +
      "on a node or an explorer that you trust, paste its hash above and check again.";
    return { title: "Consistent, not anchored", lines: [text, NOT_SHOWN, took] };
  }
  const failed = steps.at(-1);
  const title = STEP_WORDS[failed?.name ?? ""]?.title ?? failed?.name;
  return {
    title: `Failed at step “${title}”`,
    lines: [`Found: ${failed?.detail}.`, "Do not rely on this receipt.", took],
  };
}
