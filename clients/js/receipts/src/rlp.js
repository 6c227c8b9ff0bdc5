/** Nested byte strings in, their one Recursive Length Prefix encoding out, and back; any other encoding is refused. */

import { joined, toDigits, toNumber } from "./bytes.js";

/** @typedef {Uint8Array | Item[]} Item */

const TEXT = 0x80;
const LIST = 0xc0;
const SHORT_MAX = 55;
const DEPTH_MAX = 32;

export class BadRlp extends Error {}

/** @param {Item} item @returns {Uint8Array} */
export function encode(item) {
  if (!Array.isArray(item)) return encodeText(item);
  const payload = joined(item.map(encode));
  return joined([prefix(payload.length, LIST), payload]);
}

/** An integer without leading zeros, zero as the empty string. @param {bigint} number */
export function encodeInteger(number) {
  return encodeText(integerBytes(number));
}

/** The one item that `data` encodes. @param {Uint8Array} data @returns {Item} */
export function decode(data) {
  const { item, end } = itemAt(data, 0, data.length, 0);
  if (end !== data.length) throw new BadRlp(`${data.length - end} bytes follow the RLP item of ${end} bytes`);
  return item;
}

/** @param {Item} item */
export function decodeInteger(item) {
  if (Array.isArray(item)) throw new BadRlp("an RLP list stands where an integer belongs");
  if (item[0] === 0) throw new BadRlp(`integer 0x${toDigits(item)} has a leading zero`);
  return toNumber(item);
}

/** @param {Uint8Array} data */
function encodeText(data) {
  const single = data.length === 1 && /** @type {number} */ (data[0]) < TEXT;
  return single ? data : joined([prefix(data.length, TEXT), data]);
}

/** @param {number} length @param {number} offset */
function prefix(length, offset) {
  if (length <= SHORT_MAX) return Uint8Array.of(offset + length);
  const size = integerBytes(BigInt(length));
  return joined([Uint8Array.of(offset + SHORT_MAX + size.length), size]);
}

/** @param {bigint} number */
function integerBytes(number) {
  const data = [];
  for (; number; number >>= 8n) data.unshift(Number(number & 255n));
  return Uint8Array.from(data);
}

/**
 * @param {Uint8Array} data @param {number} start @param {number} limit @param {number} depth
 * @returns {{ item: Item, end: number }}
 */
function itemAt(data, start, limit, depth) {
  const first = data[start];
  if (start >= limit || first === undefined) throw new BadRlp(`RLP ends at byte ${limit} where an item should begin`);
  if (first < TEXT) return { item: data.subarray(start, start + 1), end: start + 1 };
  const { begin, end } = payloadAt(data, start, limit, first < LIST ? TEXT : LIST);
  if (first >= LIST) return { item: itemsIn(data, begin, end, depth + 1), end };
  const text = data.subarray(begin, end);
  if (text.length === 1 && /** @type {number} */ (text[0]) < TEXT) {
    throw new BadRlp(`byte 0x${toDigits(text)} at ${start} is encoded with a prefix it does not need`);
  }
  return { item: text, end };
}

/** @param {Uint8Array} data @param {number} begin @param {number} end @param {number} depth */
function itemsIn(data, begin, end, depth) {
  if (depth > DEPTH_MAX) throw new BadRlp(`RLP lists are nested deeper than ${DEPTH_MAX}`);
  const items = [];
  for (let at = begin; at < end;) {
    const part = itemAt(data, at, end, depth);
    items.push(part.item);
    at = part.end;
  }
  return items;
}

/**
 * Where the payload of the text or list that begins at `start` begins and ends.
 * @param {Uint8Array} data @param {number} start @param {number} limit @param {number} offset
 */
function payloadAt(data, start, limit, offset) {
  let length = /** @type {number} */ (data[start]) - offset;
  let begin = start + 1;
  if (length > SHORT_MAX) {
    begin = start + 1 + length - SHORT_MAX;
    const size = data.subarray(start + 1, Math.min(begin, limit));
    length = Number(toNumber(size));
    if (size[0] === 0 || length <= SHORT_MAX) {
      throw new BadRlp(`the length at byte ${start} is not written in its shortest form`);
    }
  }
  if (begin + length > limit) throw new BadRlp(`the item at byte ${start} ends beyond its ${limit} bytes`);
  return { begin, end: begin + length };
}
