/**
 * Verifying key, proof and public inputs in, whether the proof holds out: one product of four pairings over BN254.
 *
 * Points are checked before they are paired: reduced coordinates, on the curve, in the group of prime order, finite.
 */

import { bn254 } from "@noble/curves/bn254.js";
import { requireField } from "./poseidon.js";
import { integer, listOf, matching, oneOf, struct } from "./shapes.js";

/** @typedef {import("./json.js").Json} Json */
/** @typedef {InstanceType<typeof bn254.G1.Point>} G1 */
/** @typedef {InstanceType<typeof bn254.G2.Point>} G2 */
/** @typedef {ReturnType<typeof parseVerifyingKey>} VerifyingKey */
/** @typedef {{ a: G1, b: G2, c: G1 }} Proof */

const { Fp, Fp2, Fp12 } = bn254.fields;
const PUBLIC_INPUTS = 4;

const coordinate = matching(/^[0-9]+$/, "a number in decimal digits");
const pointG1 = listOf(coordinate, 3, 3);
const pointG2 = listOf(listOf(coordinate, 2, 2), 3, 3);
const readKey = struct.lenient({
  protocol: oneOf("groth16"),
  curve: oneOf("bn128"),
  nPublic: integer,
  vk_alpha_1: pointG1,
  vk_beta_2: pointG2,
  vk_gamma_2: pointG2,
  vk_delta_2: pointG2,
  IC: listOf(pointG1, PUBLIC_INPUTS + 1, PUBLIC_INPUTS + 1),
});

export class NotAPoint extends Error {}

/** The key's points, from JSON as snarkjs writes it: real parts first, affine. @param {Json} json */
export function parseVerifyingKey(json) {
  const key = readKey(json, "verifying key");
  if (key.nPublic !== BigInt(PUBLIC_INPUTS))
    throw new Error(`the key is for ${key.nPublic} inputs, not ${PUBLIC_INPUTS}`);
  return {
    alpha: affineG1(key.vk_alpha_1, "alpha"),
    beta: affineG2(key.vk_beta_2, "beta"),
    gamma: affineG2(key.vk_gamma_2, "gamma"),
    delta: affineG2(key.vk_delta_2, "delta"),
    inputs: key.IC.map((point, index) => affineG1(point, `IC[${index}]`)),
  };
}

/**
 * The proof in the eight words that the contract takes: imaginary parts first.
 * @param {string[]} words @returns {Proof}
 */
export function decodeProof(words) {
  const [ax = 0n, ay = 0n, xi = 0n, xr = 0n, yi = 0n, yr = 0n, cx = 0n, cy = 0n] = words.map(BigInt);
  return {
    a: requireG1(ax, ay, "the proof's A"),
    b: requireG2([xr, xi], [yr, yi], "the proof's B"),
    c: requireG1(cx, cy, "the proof's C"),
  };
}

/**
 * Whether e(A, B) = e(alpha, beta) e(known, gamma) e(C, delta); `inputs` are in the circuit's order. A pairing takes
 * long enough for a page to stutter: `pause` is called after each, so that whoever shows the page can let it breathe.
 * @param {VerifyingKey} key @param {Proof} proof @param {Record<string, bigint>} inputs @param {() => Promise<void>} pause
 */
export async function verify(key, proof, inputs, pause) {
  const words = Object.entries(inputs).map(([name, value]) => requireField(value, name));
  const [one, ...others] = key.inputs;
  if (!one || others.length !== words.length)
    throw new Error(`the key takes ${others.length} inputs, not ${words.length}`);
  const known = others.reduce((sum, point, at) => sum.add(point.multiplyUnsafe(words[at] ?? 0n)), one);
  /** @type {[G1, G2][]} */
  const pairs = [
    [proof.a.negate(), proof.b],
    [key.alpha, key.beta],
    [known, key.gamma],
    [proof.c, key.delta],
  ];
  let product = Fp12.ONE;
  for (const [inG1, inG2] of pairs) {
    product = Fp12.mul(product, bn254.pairing(inG1, inG2, false));
    await pause();
  }
  return Fp12.eql(Fp12.finalExponentiate(product), Fp12.ONE);
}

/** @param {string[]} point @param {string} name */
function affineG1([x = "", y = "", z], name) {
  if (z !== "1") throw new NotAPoint(`${name} is not in affine coordinates`);
  return requireG1(BigInt(x), BigInt(y), name);
}

/** @param {string[][]} point @param {string} name */
function affineG2([x = [], y = [], z = []], name) {
  if (z.join() !== "1,0") throw new NotAPoint(`${name} is not in affine coordinates`);
  return requireG2(x.map(BigInt), y.map(BigInt), name);
}

/** @param {bigint} x @param {bigint} y @param {string} name */
function requireG1(x, y, name) {
  requireReduced([x, y], name);
  return valid(() => bn254.G1.Point.fromAffine({ x, y }), name);
}

/** @param {bigint[]} x @param {bigint[]} y @param {string} name */
function requireG2(x, y, name) {
  requireReduced([...x, ...y], name);
  const [xr = 0n, xi = 0n, yr = 0n, yi = 0n] = [...x, ...y];
  return valid(() => bn254.G2.Point.fromAffine({ x: Fp2.fromBigTuple([xr, xi]), y: Fp2.fromBigTuple([yr, yi]) }), name);
}

/** @template {{ assertValidity(): void }} Point @param {() => Point} make @param {string} name */
function valid(make, name) {
  try {
    const point = make();
    point.assertValidity();
    return point;
  } catch {
    throw new NotAPoint(`${name} is no point of the group`);
  }
}

/** @param {bigint[]} coordinates @param {string} name */
function requireReduced(coordinates, name) {
  if (coordinates.every((each) => each === 0n))
    throw new NotAPoint(`${name} is the point at infinity, which no honest prover makes`);
  for (const each of coordinates) {
    if (each >= Fp.ORDER)
      throw new NotAPoint(`${name} has the coordinate ${each}, which is not below the base field's modulus`);
  }
}
