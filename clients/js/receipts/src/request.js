/**
 * The bytes behind a prompt CID in, the most tokens that it asks for out, if it says so.
 *
 * A JSON object whose `schema` begins with `tallystick/` is a request document; anything else is text.
 */

import { toText } from "./bytes.js";
import { Fields, parse as parseJson } from "./json.js";
import { BadShape, between, integer, listOf, oneOf, optional, struct, text } from "./shapes.js";

/** @typedef {import("./json.js").Json} Json */
/** @template T @typedef {import("./shapes.js").Reader<T>} Reader */

const CONTENT_BYTES_MAX = 64 << 20;
const STOPS_MAX = 16;
const OBJECT = /^[ \t\n\r\v\f]*\{/;
// What Python's str.strip() takes for white space, which is not what String.trim() does.
const BLANK = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;

/** @param {number} from @param {number} to @returns {Reader<number>} */
const number = (from, to) => (json, at) => {
  const value = typeof json === "number" ? json : Number(integer(json, at));
  if (!(value >= from && value <= to)) throw new BadShape(`${at} must be from ${from} to ${to}`);
  return value;
};

const readRequest = struct({
  schema: oneOf("tallystick/request/1"),
  messages: optional(listOf(struct({ role: oneOf("system", "user", "assistant"), content: text }))),
  prompt: optional(text),
  max_tokens: optional(between(1n, 2n ** 32n - 1n)),
  temperature: optional(number(0, 2)),
  top_p: optional(number(Number.MIN_VALUE, 1)),
  stop: optional(listOf(text, 0, STOPS_MAX)),
  seed: optional(between(0n, 2n ** 63n - 1n)),
});

export class BadRequest extends Error {}

/** @param {Uint8Array} content @returns {bigint | null} */
export function maxTokensIn(content) {
  if (content.length > CONTENT_BYTES_MAX) throw new BadRequest(`the prompt has ${content.length} bytes`);
  const prompt = toText(content);
  const document = documentIn(prompt);
  if (document === null) {
    requireWords([prompt]);
    return null;
  }
  if (namesTwice(document)) throw new BadRequest("the request document names a field twice");
  const request = readRequest(document, "request");
  if ((request.messages === null) === (request.prompt === null)) {
    throw new BadRequest("a request has either `messages` or `prompt`, and not both");
  }
  requireWords(request.messages?.map((message) => message.content) ?? [request.prompt ?? ""]);
  requireStops(request.stop ?? []);
  return request.max_tokens;
}

/** The fields of a request document, null where the content is text. @param {string} content */
function documentIn(content) {
  if (!OBJECT.test(content)) return null;
  try {
    const json = parseJson(content);
    const schema = json instanceof Fields ? json.get("schema") : null;
    return json instanceof Fields && typeof schema === "string" && schema.startsWith("tallystick/") ? json : null;
  } catch {
    return null;
  }
}

/** @param {Json} json @returns {boolean} */
function namesTwice(json) {
  if (json instanceof Fields) return json.twice || [...json.values()].some(namesTwice);
  return Array.isArray(json) && json.some(namesTwice);
}

/** @param {string[]} contents */
function requireWords(contents) {
  if (contents.every((content) => BLANK.test(content))) throw new BadRequest("the prompt is empty: write a question");
  requireWhole(contents);
}

/** @param {string[]} stops */
function requireStops(stops) {
  if (stops.includes("")) throw new BadRequest("a stop sequence is empty: leave it out");
  requireWhole(stops);
}

/** @param {string[]} texts */
function requireWhole(texts) {
  if (!texts.every((each) => each.isWellFormed()))
    throw new BadRequest("the request escapes half a character (a lone surrogate)");
}
