/**
 * JSON values in, their one encoding out; bytes in, what they say out, provided that they are that encoding.
 *
 * Keys are sorted, nothing is spaced out, numbers are written in their shortest form, and text is plain UTF-8.
 */

import { toText } from "./bytes.js";
import { Fields, parse } from "./json.js";

/** @typedef {import("./json.js").Json} Json */
/** @template T @typedef {import("./shapes.js").Reader<T>} Reader */

const PLAIN_EXPONENTS = { from: -5, to: 16 };

export class NotCanonical extends Error {}

/** @param {Json} json @returns {string} */
export function encode(json) {
  if (typeof json === "string") return encodeText(json);
  if (typeof json === "number") return encodeFloat(json);
  if (Array.isArray(json)) return `[${json.map(encode).join(",")}]`;
  if (json instanceof Fields) {
    return `{${[...json]
      .sort(byName)
      .map(([name, value]) => `${encodeText(name)}:${encode(value)}`)
      .join(",")}}`;
  }
  return String(json);
}

/**
 * What `data` says, read by `reader`; `what` names it in the error.
 * @template T @param {Uint8Array} data @param {Reader<T>} reader @param {string} what @returns {T}
 */
export function decode(data, reader, what) {
  const text = toText(data);
  const json = parse(text);
  const value = reader(json, what);
  if (encode(json) !== text) throw new NotCanonical(`the ${what} is not in its one canonical encoding`);
  return value;
}

/** @param {string} text */
function encodeText(text) {
  if (!text.isWellFormed()) throw new NotCanonical("a text escapes half a character (a lone surrogate)");
  return JSON.stringify(text);
}

/** A number that is no integer in JSON: 1.0 keeps its fraction. @param {number} number */
function encodeFloat(number) {
  const exponential = number.toExponential().replace("+", "");
  const exponent = Number(exponential.split("e")[1]);
  if (Object.is(number, -0)) return "-0.0";
  if (exponent < PLAIN_EXPONENTS.from || exponent >= PLAIN_EXPONENTS.to) return exponential;
  return Number.isInteger(number) ? `${number}.0` : String(number);
}

/** @param {[string, Json]} one @param {[string, Json]} other */
function byName([one], [other]) {
  return one < other ? -1 : 1;
}
