/**
 * Text in, the content identifier out, and back: versions 0 and 1 over SHA-256, raw bytes or UnixFS nodes.
 *
 * Version 0 is base58 (`Qm...`), version 1 is written in base32 (`b...`) and also read in base58 (`z...`).
 */

import { equal, fromHex, joined, toNumber } from "./bytes.js";
import { sha256 } from "./digest.js";

export const RAW = 0x55;
export const DAG_PB = 0x70;
const TEXT_MAX = 128;
const SHA256_PREFIX = Uint8Array.of(0x12, 0x20);
const MULTIHASH_BYTES = 34;
const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** @typedef {{ version: number, codec: number, digest: Uint8Array }} Cid */

export class BadCid extends Error {}

/** The identifier that `text` writes; throws BadCid. @param {string} text @returns {Cid} */
export function parse(text) {
  if (!text || text.length > TEXT_MAX) throw new BadCid(`a CID has 46 to ${TEXT_MAX} characters, not ${text.length}`);
  const cid = fromBinary(binaryIn(text));
  if ((cid.version === 0) !== text.startsWith("Qm") || !writings(cid).includes(text)) {
    throw new BadCid(`CID '${text}' is not written as CIDs are`);
  }
  return cid;
}

/** @param {Cid} cid */
export function format(cid) {
  return writings(cid)[0] ?? "";
}

/** The bytes that links between blocks name it by. @param {Cid} cid */
export function toBinary(cid) {
  const head = cid.version === 0 ? Uint8Array.of() : Uint8Array.of(1, cid.codec);
  return joined([head, SHA256_PREFIX, cid.digest]);
}

/** @param {Uint8Array} block @param {number} version @param {number} codec @returns {Promise<Cid>} */
export async function nameBlock(block, version, codec) {
  return { version, codec, digest: await sha256(block) };
}

/** @param {Cid} one @param {Cid} other */
export function same(one, other) {
  return one.version === other.version && one.codec === other.codec && equal(one.digest, other.digest);
}

/** @param {Cid} cid */
function writings(cid) {
  const binary = toBinary(cid);
  return cid.version === 0 ? [toBase58(binary)] : [`b${toBase32(binary)}`, `z${toBase58(binary)}`];
}

/** @param {string} text */
function binaryIn(text) {
  if (text.startsWith("Qm")) return fromBase58(text);
  if (text.startsWith("b")) return fromBase32(text.slice(1));
  if (text.startsWith("z")) return fromBase58(text.slice(1));
  throw new BadCid(`CID '${text}' begins neither with Qm (version 0) nor with b or z (version 1)`);
}

/** @param {Uint8Array} data @returns {Cid} */
function fromBinary(data) {
  const head = data.slice(0, -MULTIHASH_BYTES);
  const multihash = data.slice(-MULTIHASH_BYTES);
  if (multihash.length !== MULTIHASH_BYTES || !equal(multihash.slice(0, 2), SHA256_PREFIX)) {
    throw new BadCid("the CID is not over SHA-256, the only hash read here");
  }
  if (head.length === 0) return { version: 0, codec: DAG_PB, digest: multihash.slice(2) };
  const [version, codec = 0] = head;
  if (head.length !== 2 || version !== 1 || ![RAW, DAG_PB].includes(codec)) {
    throw new BadCid("the CID names neither raw bytes nor a UnixFS node of version 1");
  }
  return { version, codec, digest: multihash.slice(2) };
}

/** @param {string} text */
function fromBase58(text) {
  let number = 0n;
  for (const letter of text) number = number * 58n + valueIn(BASE58, letter);
  const zeros = /^1*/.exec(text)?.[0].length ?? 0;
  return joined([new Uint8Array(zeros), bytesOf(number)]);
}

/** @param {Uint8Array} data */
function toBase58(data) {
  let number = toNumber(data);
  let letters = "";
  for (; number; number /= 58n) letters = BASE58.charAt(Number(number % 58n)) + letters;
  const zeros = data.findIndex((byte) => byte !== 0);
  return "1".repeat(zeros < 0 ? data.length : zeros) + letters;
}

/**
 * Bits beyond the last whole byte are dropped: writing the identifier again shows whether they were zero.
 * @param {string} text
 */
function fromBase32(text) {
  const data = [];
  let bits = 0;
  let held = 0;
  for (const letter of text) {
    held = ((held << 5) | Number(valueIn(BASE32, letter))) & 0xfff;
    bits += 5;
    if (bits >= 8) data.push((held >> (bits -= 8)) & 0xff);
  }
  return Uint8Array.from(data);
}

/** @param {Uint8Array} data */
function toBase32(data) {
  let letters = "";
  let bits = 0;
  let held = 0;
  for (const byte of data) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5;) letters += BASE32.charAt((held >> (bits -= 5)) & 31);
  }
  return bits ? letters + BASE32.charAt((held << (5 - bits)) & 31) : letters;
}

/** @param {string} alphabet @param {string} letter */
function valueIn(alphabet, letter) {
  const value = alphabet.indexOf(letter);
  if (value < 0) throw new BadCid(`the CID holds '${letter}', which its base does not have`);
  return BigInt(value);
}

/** @param {bigint} number */
function bytesOf(number) {
  const digits = number ? number.toString(16) : "";
  return fromHex(`0x${digits.padStart(2 * Math.ceil(digits.length / 2), "0")}`);
}
