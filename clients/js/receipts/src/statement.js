/** A job's terms and what its worker measured in, the numbers that the receipt's proof is about out. */

import { fromHex, fromText, joined, toNumber, toWord } from "./bytes.js";
import { keccak256 } from "./digest.js";
import { poseidon, requireField } from "./poseidon.js";

const DOMAIN_TAG = 0x74616c6c792e7631n; // "tally.v1"
const TOKENS_BITS = 32n;
const PRICE_BITS = 96n;
const TIME_BITS = 48n;
const DURATION_BITS = 40n;
const WORD_BITS = 256n;
const LIMB_BITS = 128n;

/**
 * @typedef {object} PrivatePart What is committed to and not shown: SHA-256 of contents, counts, Unix milliseconds.
 * @property {Uint8Array[]} digests of prompt, response and model
 * @property {bigint} promptTokens
 * @property {bigint} completionTokens
 * @property {bigint} startedAt
 * @property {bigint} completedAt
 * @property {bigint} salt
 */

/**
 * keccak256 of the five words, less its low byte, which makes it a field element.
 * @param {bigint} chainId @param {string} coordinator @param {bigint} jobId @param {string} worker
 * @param {string} responseCid
 */
export function jobKey(chainId, coordinator, jobId, worker, responseCid) {
  requireBits(chainId, WORD_BITS, "chain_id");
  requireBits(jobId, WORD_BITS, "job_id");
  const numbers = [chainId, toNumber(fromHex(coordinator)), jobId, toNumber(fromHex(worker))];
  return toNumber(keccak256(joined([...numbers.map(toWord), keccak256(fromText(responseCid))]))) >> 8n;
}

/**
 * Poseidon over tag, job and private part: it binds to all and shows nothing.
 * @param {PrivatePart} part @param {bigint} key
 */
export function commitment(part, key) {
  const duration = part.completedAt - part.startedAt;
  requireBits(part.promptTokens, TOKENS_BITS, "prompt_tokens");
  requireBits(part.completionTokens, TOKENS_BITS, "completion_tokens");
  requireBits(part.startedAt, TIME_BITS, "started_at");
  requireBits(duration, DURATION_BITS, "completed_at less started_at");
  requireField(part.salt, "salt");
  const measured =
    part.promptTokens | (part.completionTokens << 32n) | (part.startedAt << 64n) | (duration << (64n + TIME_BITS));
  return poseidon([DOMAIN_TAG, key, ...part.digests.flatMap(limbs), part.salt, measured]);
}

/** @param {bigint} packed */
export function unpackTerms(packed) {
  requireBits(packed, TOKENS_BITS + 2n * PRICE_BITS, "terms");
  const prices = packed >> TOKENS_BITS;
  return {
    maxTokens: low(packed, TOKENS_BITS),
    pricePromptToken: low(prices, PRICE_BITS),
    priceCompletionToken: prices >> PRICE_BITS,
  };
}

/** A digest as two field elements of 128 bits, the high one first. @param {Uint8Array} digest */
function limbs(digest) {
  const number = toNumber(digest);
  return [number >> LIMB_BITS, low(number, LIMB_BITS)];
}

/** @param {bigint} number @param {bigint} bits */
function low(number, bits) {
  return number & ((1n << bits) - 1n);
}

/** @param {bigint} value @param {bigint} bits @param {string} name */
function requireBits(value, bits, name) {
  if (value < 0n || value >= 1n << bits)
    throw new Error(`${name} is ${value}: it must be at least 0 and below 2^${bits}`);
}
