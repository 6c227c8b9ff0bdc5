/**
 * A message and its EIP-191 signature in, the address of whoever signed it out; only signatures of the low form are
 * read.
 */

import { weierstrass } from "@noble/curves/abstract/weierstrass.js";
import { fromHex, fromText, joined, toHex, toNumber } from "./bytes.js";
import { keccak256 } from "./digest.js";

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const EVEN_Y = 27;

const Point = weierstrass({
  p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn,
  n: ORDER,
  h: 1n,
  a: 0n,
  b: 7n,
  Gx: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
  Gy: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
});

export class BadSignature extends Error {}

/** @param {string} message @param {string} signature r, s and v as hex, 65 bytes */
export function signerOf(message, signature) {
  const data = fromHex(signature);
  const [r, s, v] = [toNumber(data.subarray(0, 32)), toNumber(data.subarray(32, 64)), data[64] ?? 0];
  if (v !== EVEN_Y && v !== EVEN_Y + 1) throw new BadSignature(`recovery byte ${v} is neither 27 nor 28`);
  if (r === 0n || r >= ORDER || s === 0n || s > ORDER / 2n) {
    throw new BadSignature("r or s is out of range: s must be in the lower half of the curve's order");
  }
  return addressOf(recovered(toNumber(messageDigest(message)), r, s, v - EVEN_Y, data.subarray(0, 32)));
}

/**
 * The public key Q = (s R - e G) / r, where R is the point with the abscissa r.
 * @param {bigint} digest @param {bigint} r @param {bigint} s @param {number} parity @param {Uint8Array} abscissa
 */
function recovered(digest, r, s, parity, abscissa) {
  try {
    const point = Point.fromBytes(joined([Uint8Array.of(2 + parity), abscissa]));
    const inverse = Point.Fn.inv(r);
    const factors = [Point.Fn.neg(Point.Fn.mul(Point.Fn.create(digest), inverse)), Point.Fn.mul(s, inverse)];
    const key = Point.BASE.multiplyUnsafe(factors[0] ?? 0n).add(point.multiplyUnsafe(factors[1] ?? 0n));
    key.assertValidity();
    return key;
  } catch (fault) {
    throw new BadSignature(`no key can have made this signature: ${fault}`);
  }
}

/** @param {string} message */
function messageDigest(message) {
  const text = fromText(message);
  return keccak256(joined([fromText(`\x19Ethereum Signed Message:\n${text.length}`), text]));
}

/** @param {InstanceType<typeof Point>} key */
function addressOf(key) {
  return toHex(keccak256(key.toBytes(false).subarray(1)).subarray(12));
}
