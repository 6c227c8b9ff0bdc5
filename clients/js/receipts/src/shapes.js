/** JSON values in, typed values out: a reader refuses what has another shape than it is for, and says where. */

import { Fields } from "./json.js";

/** @typedef {import("./json.js").Json} Json */
/** @template T @typedef {(json: Json | undefined, at: string) => T} Reader */
/** @template T @typedef {T extends Reader<infer Value> ? Value : never} Read */

const TOKENS_MAX = 2n ** 32n - 1n;
const COUNT_MAX = 2n ** 63n - 1n;

export class BadShape extends Error {}

/** @type {Reader<string>} */
export const text = (json, at) => (typeof json === "string" ? json : refuse(json, at, "a text"));

/** @type {Reader<boolean>} */
export const flag = (json, at) => (typeof json === "boolean" ? json : refuse(json, at, "true or false"));

/** A number with a fraction or an exponent: JSON's integers are of another kind. @type {Reader<number>} */
export const float = (json, at) => (typeof json === "number" ? json : refuse(json, at, "a number with a fraction"));

/** @type {Reader<bigint>} */
export const integer = (json, at) => (typeof json === "bigint" ? json : refuse(json, at, "an integer"));

export const count = between(0n, COUNT_MAX);
export const tokens = between(0n, TOKENS_MAX);

export const word = matching(/^0x[0-9a-f]{64}$/, "32 bytes as lower-case hex");
export const address = matching(/^0x[0-9a-f]{40}$/, "20 bytes as lower-case hex");
export const hex = matching(/^0x([0-9a-f]{2})*$/, "bytes as lower-case hex");
export const decimal = matching(/^(0|[1-9][0-9]{0,77})$/, "an unsigned integer as decimal text");

/** @param {bigint} from @param {bigint} to @returns {Reader<bigint>} */
export function between(from, to) {
  return (json, at) => {
    const value = integer(json, at);
    return value >= from && value <= to ? value : refuse(json, at, `from ${from} to ${to}`);
  };
}

/** @param {RegExp} pattern @param {string} what @returns {Reader<string>} */
export function matching(pattern, what) {
  return (json, at) => (pattern.test(text(json, at)) ? text(json, at) : refuse(json, at, what));
}

/** @template {string} Word @param {Word[]} words @returns {Reader<Word>} */
export function oneOf(...words) {
  return (json, at) => words.find((each) => each === json) ?? refuse(json, at, words.join(" or "));
}

/** @template T @param {Reader<T>} reader @param {number} [min] @param {number} [max] @returns {Reader<T[]>} */
export function listOf(reader, min = 0, max = Number.POSITIVE_INFINITY) {
  return (json, at) => {
    if (!Array.isArray(json)) return refuse(json, at, "a list");
    if (json.length < min || json.length > max) return refuse(json, at, `a list of ${min} to ${max}`);
    return json.map((item, index) => reader(item, `${at}[${index}]`));
  };
}

/** @template T @param {Reader<T>} reader @returns {Reader<T | null>} */
export function nullable(reader) {
  return (json, at) => (json === null ? null : reader(json, at));
}

/** For a field that may be left out. @template T @param {Reader<T>} reader @returns {Reader<T | null>} */
export function optional(reader) {
  return (json, at) => (json === undefined || json === null ? null : reader(json, at));
}

/**
 * An object of these fields and no others.
 * @template {Record<string, Reader<any>>} Readers @param {Readers} readers
 * @returns {Reader<{ [Name in keyof Readers]: Read<Readers[Name]> }>}
 */
export function struct(readers) {
  const known = struct.lenient(readers);
  return (json, at) => {
    const value = known(json, at);
    for (const name of fields(json, at).keys()) {
      if (!Object.hasOwn(readers, name)) throw new BadShape(`${at} has the field ${name}, which is unknown`);
    }
    return value;
  };
}

/**
 * An object of these fields; others are not looked at.
 * @template {Record<string, Reader<any>>} Readers @param {Readers} readers
 * @returns {Reader<{ [Name in keyof Readers]: Read<Readers[Name]> }>}
 */
struct.lenient = (readers) => (json, at) => {
  const given = fields(json, at);
  const read = Object.entries(readers).map(([name, reader]) => [name, reader(given.get(name), `${at}.${name}`)]);
  return Object.fromEntries(read);
};

/** @type {Reader<Fields>} */
export const fields = (json, at) => (json instanceof Fields ? json : refuse(json, at, "an object"));

/** @param {Json | undefined} json @param {string} at @param {string} what @returns {never} */
function refuse(json, at, what) {
  throw new BadShape(json === undefined ? `${at} is missing` : `${at} must be ${what}`);
}
