/** JSON in, a worker's receipt document out, with the text that its signature is over. */

import { encode } from "./canonical.js";
import { Fields } from "./json.js";
import {
  address,
  count,
  decimal,
  float,
  integer,
  listOf,
  matching,
  nullable,
  oneOf,
  struct,
  text,
  tokens,
  word,
} from "./shapes.js";

/** @template T @typedef {import("./shapes.js").Reader<T>} Reader */
/** @typedef {import("./shapes.js").Read<typeof readFields> & { signedText: string }} Receipt */

const PROOF_WORDS = 8;

const readFields = struct({
  receipt_id: text,
  job_id: decimal,
  provider: address,
  client: address,
  units: count,
  unit_type: oneOf("tokens"),
  price: decimal,
  model: text,
  started_at: count,
  completed_at: count,
  chain_id: count,
  coordinator: address,
  prompt_cid: text,
  response_cid: text,
  model_cid: text,
  prompt_tokens: tokens,
  completion_tokens: tokens,
  completion_ids: listOf(tokens),
  salt: word,
  job_key: word,
  terms: word,
  amount: decimal,
  commitment: word,
  proof: listOf(word, PROOF_WORDS, PROOF_WORDS),
  circuit_digest: word,
  engine: struct({ name: text, version: text, dtype: text, device: text }),
  sampling: struct({
    temperature: float,
    top_p: float,
    max_tokens: tokens,
    stop: listOf(text),
    seed: nullable(integer),
  }),
  signature: struct({
    alg: oneOf("EIP-191"),
    key_id: address,
    sig: matching(/^0x[0-9a-f]{130}$/, "65 bytes as lower-case hex"),
  }),
});

/** Signed is everything but the signature, in canonical form. @type {Reader<Receipt>} */
export function receipt(json, at) {
  const fields = readFields(json, at);
  const body = new Fields(/** @type {Fields} */ (json));
  body.delete("signature");
  return { ...fields, signedText: encode(body) };
}
