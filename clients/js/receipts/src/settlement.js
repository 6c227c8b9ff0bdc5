/**
 * A transaction's receipt as its trie holds it in, the coordinator's word that a job was settled out; read strictly.
 */

import { equal, fromText, joined, toHex, toNumber, toText, toWord } from "./bytes.js";
import { keccak256 } from "./digest.js";
import * as rlp from "./rlp.js";

/** @typedef {import("./rlp.js").Item} Item */
/** @typedef {{ address: Uint8Array, topics: Uint8Array[], data: Uint8Array }} Log */

const TOPIC = keccak256(
  fromText(
    "ReceiptAccepted(uint256,address,uint256,string,string,string,string,uint256,uint256,uint256,uint256,uint256)",
  ),
);
const RECEIPT_TYPES = { from: 1, to: 4 };
const STATUS_SUCCESS = Uint8Array.of(1);
const BLOOM_BYTES = 256;
const TOPICS_MAX = 4;
const ADDRESS_BYTES = 20;
const WORD = 32;
const TEXTS = 4;
const NUMBERS = 5;

export class BadReceipt extends Error {}

/**
 * The logs of a successful transaction's receipt, with or without a type in front (EIP-2718).
 * @param {Uint8Array} encoded @returns {Log[]}
 */
export function logsOf(encoded) {
  const kind = encoded[0] ?? 0;
  const typed = kind >= RECEIPT_TYPES.from && kind <= RECEIPT_TYPES.to;
  const item = rlp.decode(typed ? encoded.subarray(1) : encoded);
  if (!Array.isArray(item) || item.length !== 4)
    throw new BadReceipt("a receipt has four parts: status, gas, bloom and logs");
  const [status, gas, bloom, logs] = /** @type {[Item, Item, Item, Item]} */ (item);
  rlp.decodeInteger(gas);
  if (Array.isArray(status) || !equal(status, STATUS_SUCCESS)) throw new BadReceipt("the transaction did not succeed");
  if (!isBytes(bloom, BLOOM_BYTES) || !Array.isArray(logs)) {
    throw new BadReceipt(`the receipt has no bloom of ${BLOOM_BYTES} bytes, or no list of logs`);
  }
  return logs.map(readLog);
}

/**
 * The event ReceiptAccepted in the log; throws for another event or for data in any but the ABI's one encoding.
 * @param {Log} log
 */
export function readAccepted({ topics, data }) {
  const [event, jobId, worker, jobKey] = topics;
  if (topics.length !== TOPICS_MAX || !event || !jobId || !worker || !jobKey || !equal(event, TOPIC)) {
    throw new BadReceipt("the log is not the event ReceiptAccepted");
  }
  if (worker.subarray(0, WORD - ADDRESS_BYTES).some(Boolean))
    throw new BadReceipt(`topic ${toHex(worker)} is no address`);
  const texts = Array.from({ length: TEXTS }, (_, index) => textAt(data, index));
  const numbers = Array.from({ length: NUMBERS }, (_, index) => numberAt(data, (TEXTS + index) * WORD));
  if (!equal(encoded(texts, numbers), data)) throw new BadReceipt("the event's data is not as the ABI encodes it");
  const [promptCid = "", responseCid = "", modelId = "", modelCid = ""] = texts.map(toText);
  const [terms = 0n, amount = 0n, , commitment = 0n, verifierVersion = 0n] = numbers;
  return {
    jobId: toNumber(jobId),
    worker: toHex(worker.subarray(WORD - ADDRESS_BYTES)),
    jobKey: toNumber(jobKey),
    ...{ promptCid, responseCid, modelId, modelCid, terms, amount, commitment, verifierVersion },
  };
}

/** @param {Item} item @returns {Log} */
function readLog(item) {
  if (!Array.isArray(item) || item.length !== 3)
    throw new BadReceipt("a log has three parts: address, topics and data");
  const [address, topics, data] = /** @type {[Item, Item, Item]} */ (item);
  if (!isBytes(address, ADDRESS_BYTES) || Array.isArray(data))
    throw new BadReceipt("a log has an address of 20 bytes, and data");
  if (!Array.isArray(topics) || topics.length > TOPICS_MAX)
    throw new BadReceipt(`a log has at most ${TOPICS_MAX} topics`);
  return { address, topics: topics.map(readTopic), data };
}

/** @param {Item} item */
function readTopic(item) {
  if (!isBytes(item, WORD)) throw new BadReceipt(`a topic has ${WORD} bytes`);
  return item;
}

/** @param {Item} item @param {number} length @returns {item is Uint8Array} */
function isBytes(item, length) {
  return !Array.isArray(item) && item.length === length;
}

/** @param {Uint8Array} data @param {number} at */
function numberAt(data, at) {
  if (at + WORD > data.length)
    throw new BadReceipt(`the event's data of ${data.length} bytes ends before the number at ${at}`);
  return toNumber(data.subarray(at, at + WORD));
}

/** A number that is the place or the length of something within `data`. @param {Uint8Array} data @param {number} at */
function extentAt(data, at) {
  const number = numberAt(data, at);
  if (number > BigInt(data.length))
    throw new BadReceipt(`the event's data of ${data.length} bytes ends before its text`);
  return Number(number);
}

/** @param {Uint8Array} data @param {number} index */
function textAt(data, index) {
  const at = extentAt(data, index * WORD);
  const end = at + WORD + extentAt(data, at);
  if (end > data.length) throw new BadReceipt(`the event's data of ${data.length} bytes ends before its text at ${at}`);
  return data.subarray(at + WORD, end);
}

/**
 * As the ABI lays them out: heads first, then the texts in order, padded.
 * @param {Uint8Array[]} texts @param {bigint[]} numbers
 */
function encoded(texts, numbers) {
  let at = (texts.length + numbers.length) * WORD;
  const heads = [];
  const tails = [];
  for (const text of texts) {
    const padding = new Uint8Array((WORD - (text.length % WORD)) % WORD);
    heads.push(toWord(BigInt(at)));
    tails.push(toWord(BigInt(text.length)), text, padding);
    at += WORD + text.length + padding.length;
  }
  return joined([...heads, ...numbers.map(toWord), ...tails]);
}
