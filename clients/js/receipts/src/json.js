/**
 * JSON text in, its value out with nothing lost: an integer is a bigint, any other number a number, and an object
 * remembers whether a name was given twice.
 */

export const DEPTH_MAX = 64;
export const INTEGER_DIGITS_MAX = 4300;

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPED = /\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))/y;
/** @type {Record<string, string>} */
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** @typedef {null | boolean | bigint | number | string | Json[] | Fields} Json */

export class BadJson extends Error {}

/**
 * The fields of an object; of a name that is given twice the last counts.
 * @extends {Map<string, Json>}
 */
export class Fields extends Map {
  twice = false;
}

/** The value that `text` writes; throws BadJson. @param {string} text @returns {Json} */
export function parse(text) {
  const reading = new Reading(text);
  const value = reading.value(0);
  reading.skip();
  if (reading.at < text.length) throw reading.fault();
  return value;
}

class Reading {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  fault() {
    return new BadJson(`JSON is malformed at character ${this.at}`);
  }

  /** What the pattern finds right here. @param {RegExp} pattern */
  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  skip() {
    this.take(SPACE);
  }

  /** @param {string} word */
  has(word) {
    const found = this.text.startsWith(word, this.at);
    if (found) this.at += word.length;
    return found;
  }

  /** @param {string} word */
  need(word) {
    this.skip();
    if (!this.has(word)) throw this.fault();
  }

  /** @param {number} depth @returns {Json} */
  value(depth) {
    if (depth > DEPTH_MAX) throw new BadJson(`JSON is nested deeper than ${DEPTH_MAX}`);
    this.skip();
    if (this.has('"')) return this.string();
    if (this.has("{")) return this.object(depth + 1);
    if (this.has("[")) return this.array(depth + 1);
    if (this.has("true")) return true;
    if (this.has("false")) return false;
    if (this.has("null")) return null;
    return this.number();
  }

  /** @param {number} depth */
  object(depth) {
    const fields = new Fields();
    this.skip();
    if (this.has("}")) return fields;
    do {
      this.need('"');
      const name = this.string();
      this.need(":");
      fields.twice ||= fields.has(name);
      fields.set(name, this.value(depth));
      this.skip();
    } while (this.has(","));
    this.need("}");
    return fields;
  }

  /** @param {number} depth */
  array(depth) {
    /** @type {Json[]} */
    const items = [];
    this.skip();
    if (this.has("]")) return items;
    do {
      items.push(this.value(depth));
      this.skip();
    } while (this.has(","));
    this.need("]");
    return items;
  }

  /** The rest of a string after its opening quote. */
  string() {
    let value = "";
    for (;;) {
      value += this.take(PLAIN)?.[0] ?? "";
      if (this.has('"')) return value;
      const escape = this.take(ESCAPED);
      if (!escape) throw this.fault();
      value += escape[1] ? String.fromCharCode(Number.parseInt(escape[1], 16)) : ESCAPES[escape[2] ?? ""];
    }
  }

  number() {
    const found = this.take(NUMBER);
    if (!found) throw this.fault();
    const [text, digits = "", fraction, exponent] = found;
    if (fraction !== undefined || exponent !== undefined) return Number(text);
    if (digits.length > INTEGER_DIGITS_MAX) throw new BadJson(`an integer has ${digits.length} digits`);
    return BigInt(text);
  }
}
