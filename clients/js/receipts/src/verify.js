/**
 * An evidence bundle and the verifier's own pins in, a verdict with every step out; nothing is verified by default.
 *
 * Steps run in order and stop at the first that fails. Whatever a step throws is a failure of that step.
 */

import { CHECKS, Skipped } from "./checks.js";
import { decodeBundle } from "./evidence.js";

/** @typedef {import("./evidence.js").Bundle} Bundle */
/** @typedef {import("./deployment.js").Deployment} Deployment */
/** @typedef {"verified" | "consistent" | "failed"} Outcome `consistent`: only the anchor to the chain is missing */
/** @typedef {{ name: string, state: "passed" | "skipped" | "failed", detail: string }} Step */
/** @typedef {{ outcome: Outcome, exitCode: number, steps: Step[] }} Verdict */
/** @typedef {() => string | Promise<string>} Check */

/**
 * @typedef {object} Options
 * @property {string | null} [blockHash] the hash of the settling block, from a source that the verifier trusts
 * @property {((number: bigint) => Promise<string | null>) | null} [blockHashAt] asks the chain for the hash of a block
 * @property {() => Promise<void>} [pause] lets others work, where a page must stay smooth: at steps, within the proof
 * @property {(name: string) => void} [onStart] told before each step
 * @property {(step: Step) => void} [onStep] told after each step
 */

export const STEPS = ["encoding", ...Object.keys(CHECKS)];
/** @type {Record<Outcome, number>} */
const EXIT_CODES = { verified: 0, failed: 1, consistent: 3 };

/** @param {Uint8Array} data @param {Deployment} deployment @param {Options} [options] @returns {Promise<Verdict>} */
export async function verifyBundle(data, deployment, options = {}) {
  const {
    blockHash = null,
    blockHashAt = null,
    pause = async () => {},
    onStart = () => {},
    onStep = () => {},
  } = options;
  /** @type {Bundle} */
  let bundle;
  /** @type {Record<string, Check>} */
  const checks = {
    encoding: () => {
      bundle = decodeBundle(data);
      return `${data.length} bytes in their one canonical form`;
    },
  };
  for (const [name, check] of Object.entries(CHECKS)) {
    checks[name] = () => check({ bundle, deployment, blockHash, blockHashAt, pause });
  }
  const steps = [];
  for (const [name, check] of Object.entries(checks)) {
    onStart(name);
    await pause();
    const step = await run(name, check);
    steps.push(step);
    onStep(step);
    if (step.state === "failed") return verdict("failed", steps);
  }
  return verdict(steps.at(-1)?.state === "passed" ? "verified" : "consistent", steps);
}

/** @param {string} name @param {Check} check @returns {Promise<Step>} */
async function run(name, check) {
  try {
    return { name, state: "passed", detail: await check() };
  } catch (fault) {
    const detail = fault instanceof Error ? fault.message || fault.name : String(fault);
    return { name, state: fault instanceof Skipped ? "skipped" : "failed", detail };
  }
}

/** @param {Outcome} outcome @param {Step[]} steps @returns {Verdict} */
function verdict(outcome, steps) {
  return { outcome, exitCode: EXIT_CODES[outcome], steps };
}
