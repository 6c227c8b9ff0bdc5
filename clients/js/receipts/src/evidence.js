/**
 * Bytes in, the evidence bundle out: a receipt with all that it speaks of, and the way from a block's hash to its
 * settlement.
 */

import { equal, fromHex, fromText, toText } from "./bytes.js";
import { NotCanonical, decode } from "./canonical.js";
import { keccak256 } from "./digest.js";
import { receipt } from "./document.js";
import * as rlp from "./rlp.js";
import { count, hex, listOf, oneOf, struct, text, word } from "./shapes.js";

/** @typedef {import("./shapes.js").Read<typeof payload>} Payload */
/** @typedef {import("./shapes.js").Read<typeof bundle>} Bundle */

const HEADER_FIELDS = { min: 15, max: 40 };
const RECEIPTS_ROOT = 5;
const NUMBER = 8;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

const payload = struct({ encoding: oneOf("utf-8", "base64"), data: text });

const bundle = struct({
  schema: oneOf("tallystick/evidence/1"),
  receipt,
  prompt: payload,
  response: payload,
  model: payload,
  block: struct({ hash: word, header: listOf(hex, HEADER_FIELDS.min, HEADER_FIELDS.max) }),
  inclusion: struct({ tx_index: count, log_index: count, nodes: listOf(hex) }),
});

/** Throws for anything but the one encoding of a bundle. @param {Uint8Array} data @returns {Bundle} */
export function decodeBundle(data) {
  const decoded = decode(data, bundle, "evidence bundle");
  for (const each of [decoded.prompt, decoded.response, decoded.model]) bytesIn(each);
  return decoded;
}

/** Bytes are carried as text where they are UTF-8, in base64 only where they are not. @param {Payload} payload */
export function bytesIn({ encoding, data }) {
  if (encoding === "utf-8") return fromText(data);
  if (!BASE64.test(data)) throw new NotCanonical("a payload that says it is base64 is not");
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  if (btoa(atob(data)) !== data || isText(bytes))
    throw new NotCanonical("a payload is not in the form that its bytes have");
  return bytes;
}

/** @param {Bundle} bundle */
export function blockNumber({ block }) {
  return rlp.decodeInteger(fromHex(block.header[NUMBER] ?? "0x"));
}

/** @param {Bundle} bundle */
export function receiptsRoot({ block }) {
  return fromHex(block.header[RECEIPTS_ROOT] ?? "0x");
}

/** The hash of the header's fields. @param {Bundle} bundle */
export function computedHash({ block }) {
  return keccak256(rlp.encode(block.header.map(fromHex)));
}

/** @param {Uint8Array} bytes */
function isText(bytes) {
  try {
    return equal(fromText(toText(bytes)), bytes);
  } catch {
    return false;
  }
}
