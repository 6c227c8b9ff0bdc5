/** Bytes in, the text and the numbers that they write out, and back. */

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The text that these bytes are in UTF-8; throws where they are none. @param {Uint8Array} data */
export function toText(data) {
  try {
    return decoder.decode(data);
  } catch {
    throw new Error("the bytes are not UTF-8 text");
  }
}

/** @param {string} text */
export function fromText(text) {
  return encoder.encode(text);
}

/** Hex digits, without 0x. @param {Uint8Array} data */
export function toDigits(data) {
  let digits = "";
  for (const byte of data) digits += DIGITS[byte];
  return digits;
}

/** @param {Uint8Array} data */
export function toHex(data) {
  return `0x${toDigits(data)}`;
}

/** The bytes of lower-case hex text that was checked when it was read. @param {string} hex */
export function fromHex(hex) {
  const data = new Uint8Array(hex.length / 2 - 1);
  for (let at = 0; at < data.length; at++) data[at] = Number.parseInt(hex.slice(2 * at + 2, 2 * at + 4), 16);
  return data;
}

/** The unsigned number that is written big-endian. @param {Uint8Array} data */
export function toNumber(data) {
  return data.length ? BigInt(toHex(data)) : 0n;
}

/** A number below 2^256 as a word of 32 bytes. @param {bigint} number */
export function toWord(number) {
  return fromHex(`0x${number.toString(16).padStart(64, "0")}`);
}

/** @param {Uint8Array[]} parts */
export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {Uint8Array} one @param {Uint8Array} other */
export function equal(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
