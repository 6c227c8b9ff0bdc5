/** A file's bytes in, the CID out that `ipfs add` gives them: chunks, then parents of parents up to one root. */

import { joined } from "./bytes.js";
import { DAG_PB, RAW, nameBlock, same, toBinary } from "./cid.js";

/** @typedef {import("./cid.js").Cid} Cid */
/** @typedef {{ cid: Cid, fileBytes: number, blockBytes: number }} Link */

const CHUNK_BYTES = 262_144;
const LINKS_MAX = 174;
const FILE = Uint8Array.of(0x08, 0x02);

/**
 * Whether `cid` is a name that `ipfs add` gives these bytes, with leaves of either kind.
 * @param {Cid} cid @param {Uint8Array} data
 */
export async function namesFile(cid, data) {
  if (cid.codec === RAW) return same(cid, await nameBlock(data, cid.version, RAW));
  return same(cid, await cidOf(data, cid.version, false)) || same(cid, await cidOf(data, cid.version, true));
}

/** @param {Uint8Array} data @param {number} [version] @param {boolean} [rawLeaves] @returns {Promise<Cid>} */
export async function cidOf(data, version = 0, rawLeaves = version === 1) {
  /** @type {Link[]} */
  let level = [];
  for (let start = 0; start < Math.max(data.length, 1); start += CHUNK_BYTES) {
    level.push(await leaf(data.subarray(start, start + CHUNK_BYTES), version, rawLeaves));
  }
  while (level.length > 1) {
    const parents = [];
    for (let at = 0; at < level.length; at += LINKS_MAX) {
      parents.push(await parent(level.slice(at, at + LINKS_MAX), version));
    }
    level = parents;
  }
  return /** @type {Link} */ (level[0]).cid;
}

/** @param {Uint8Array} piece @param {number} version @param {boolean} raw @returns {Promise<Link>} */
async function leaf(piece, version, raw) {
  const block = raw ? piece : encodeLeaf(piece);
  const cid = raw ? await nameBlock(block, 1, RAW) : await nameBlock(block, version, DAG_PB);
  return { cid, fileBytes: piece.length, blockBytes: block.length };
}

/** @param {Link[]} links @param {number} version @returns {Promise<Link>} */
async function parent(links, version) {
  const block = encodeParent(links);
  const fileBytes = links.reduce((sum, link) => sum + link.fileBytes, 0);
  const blockBytes = links.reduce((sum, link) => sum + link.blockBytes, block.length);
  return { cid: await nameBlock(block, version, DAG_PB), fileBytes, blockBytes };
}

/** @param {Uint8Array} data */
function encodeLeaf(data) {
  const content = data.length ? field(2, data) : Uint8Array.of();
  return field(1, joined([FILE, content, Uint8Array.of(0x18), varint(data.length)]));
}

/** A node without bytes of its own. @param {Link[]} links */
function encodeParent(links) {
  const sizes = links.map((link) => link.fileBytes);
  const size = sizes.reduce((sum, each) => sum + each, 0);
  const parts = sizes.flatMap((each) => [Uint8Array.of(0x20), varint(each)]);
  const content = joined([FILE, Uint8Array.of(0x18), varint(size), ...parts]);
  return joined([...links.map(encodeLink), field(1, content)]);
}

/** @param {Link} link */
function encodeLink(link) {
  const name = field(2, Uint8Array.of());
  return field(2, joined([field(1, toBinary(link.cid)), name, Uint8Array.of(0x18), varint(link.blockBytes)]));
}

/** Bytes as a field of a protobuf message. @param {number} number @param {Uint8Array} data */
function field(number, data) {
  return joined([Uint8Array.of((number << 3) | 2), varint(data.length), data]);
}

/** @param {number} number */
function varint(number) {
  const data = [];
  for (; number > 0x7f; number = Math.floor(number / 128)) data.push((number % 128) | 0x80);
  data.push(number);
  return Uint8Array.from(data);
}
