/**
 * Field elements in, their Poseidon hash over BN254's scalar field out: what a receipt's commitment is made of.
 *
 * Parameters follow the Poseidon paper (Grassi et al., USENIX Security 2021): S-box x^5, 8 full rounds, constants and
 * matrix drawn from the Grain LFSR of its appendix F.
 */

export const FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const FIELD_BITS = 254;
const FULL_ROUNDS = 8;
const PARTIAL_ROUNDS = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68]; // for 1 to 16 inputs
const GRAIN_BITS = 80;
const GRAIN_WARM_UP = 160;

/** @typedef {{ partialRounds: number, constants: bigint[], matrix: bigint[][] }} Parameters */

/** @type {Map<number, Parameters>} */
const drawn = new Map();

/** The hash of 1 to 16 field elements. @param {bigint[]} inputs */
export function poseidon(inputs) {
  for (const input of inputs) requireField(input, "a Poseidon input");
  const width = inputs.length + 1;
  const { partialRounds, constants, matrix } = parameters(width);
  let state = [0n, ...inputs];
  for (let round = 0; round < FULL_ROUNDS + partialRounds; round++) {
    const partial = round >= FULL_ROUNDS / 2 && round < FULL_ROUNDS / 2 + partialRounds;
    const added = state.map((word, at) => word + (constants[round * width + at] ?? 0n));
    const boxed = added.map((word, at) => (partial && at > 0 ? word : fifthPower(word)));
    state = matrix.map((row) => row.reduce((sum, factor, at) => sum + factor * (boxed[at] ?? 0n), 0n) % FIELD);
  }
  return state[0] ?? 0n;
}

/**
 * Other hashes would take a value modulo the field and let two values share a commitment.
 * @param {bigint} value @param {string} name
 */
export function requireField(value, name) {
  if (value < 0n || value >= FIELD)
    throw new Error(`${name} is ${value}: it must be from 0 to the field's modulus less one`);
  return value;
}

/** @param {bigint} word */
function fifthPower(word) {
  const square = (word * word) % FIELD;
  return (((square * square) % FIELD) * word) % FIELD;
}

/** Constants in the order of use and the mixing matrix, for a state of `width` words. @param {number} width */
function parameters(width) {
  const known = drawn.get(width) ?? draw(width);
  drawn.set(width, known);
  return known;
}

/** @param {number} width @returns {Parameters} */
function draw(width) {
  const partialRounds = PARTIAL_ROUNDS[width - 2];
  if (partialRounds === undefined)
    throw new Error(`Poseidon takes 1 to ${PARTIAL_ROUNDS.length} inputs, not ${width - 1}`);
  const nextWord = grainWords(width, partialRounds);
  const constants = [];
  while (constants.length < width * (FULL_ROUNDS + partialRounds)) {
    const word = nextWord();
    if (word < FIELD) constants.push(word);
  }
  return { partialRounds, constants, matrix: cauchy(nextWord, width) };
}

/**
 * The matrix of 1 / (x + y), whose x and y are the next distinct words; unlike constants they are reduced.
 * @param {() => bigint} nextWord @param {number} width
 */
function cauchy(nextWord, width) {
  /** @type {bigint[]} */
  let points = [];
  while (new Set(points).size < 2 * width) points = Array.from({ length: 2 * width }, () => nextWord() % FIELD);
  const [xs, ys] = [points.slice(0, width), points.slice(width)];
  return xs.map((x) => ys.map((y) => inverse((x + y) % FIELD)));
}

/** By Euclid. @param {bigint} value */
function inverse(value) {
  let [rest, divisor, factor, next] = [FIELD, value, 0n, 1n];
  while (divisor) {
    const quotient = rest / divisor;
    [rest, divisor] = [divisor, rest % divisor];
    [factor, next] = [next, factor - quotient * next];
  }
  return ((factor % FIELD) + FIELD) % FIELD;
}

/**
 * Words of the LFSR's shrunk output, which keeps of each pair of bits the second, where the first is set.
 * @param {number} width @param {number} partialRounds @returns {() => bigint} gives the next word
 */
function grainWords(width, partialRounds) {
  const nextBit = grainBits(width, partialRounds);
  for (let skipped = 0; skipped < GRAIN_WARM_UP; skipped++) nextBit();
  return () => {
    let kept = "";
    while (kept.length < FIELD_BITS) {
      const chosen = nextBit();
      const bit = nextBit();
      if (chosen) kept += bit;
    }
    return BigInt(`0b${kept}`);
  };
}

/**
 * New bits of the register: b(i+80) = b(i+62) + b(i+51) + b(i+38) + b(i+23) + b(i+13) + b(i).
 * @param {number} width @param {number} partialRounds
 */
function grainBits(width, partialRounds) {
  const sizes = [
    [1, 2],
    [0, 4],
    [FIELD_BITS, 12],
    [width, 12],
    [FULL_ROUNDS, 10],
    [partialRounds, 10],
  ];
  const opening = sizes.map(([value = 0, bits = 0]) => value.toString(2).padStart(bits, "0")).join("");
  const register = Uint8Array.from(opening.padEnd(GRAIN_BITS, "1"), Number);
  let first = 0;
  /** @param {number} tap */
  const bit = (tap) => register[(first + tap) % GRAIN_BITS] ?? 0;
  return () => {
    const next = bit(62) ^ bit(51) ^ bit(38) ^ bit(23) ^ bit(13) ^ bit(0);
    register[first] = next;
    first = (first + 1) % GRAIN_BITS;
    return next;
  };
}
