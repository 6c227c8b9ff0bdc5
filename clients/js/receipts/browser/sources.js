/** Addresses or files in, their bytes out; what was fetched once is kept, so that a check later needs no network. */

const BYTES_MAX = 256 << 20;

export class Unreadable extends Error {}

/**
 * A file of evidence or pins: fetched ahead from its address, or chosen by the reader, whose choice goes first.
 */
export class Source {
  /** @type {Promise<Uint8Array> | null} */
  #fetched = null;
  /** @type {File | null} */
  chosen = null;

  /** @param {string} what its name for people @param {string | undefined} url */
  constructor(what, url) {
    this.what = what;
    this.url = url;
  }

  /** Begins to fetch; whether that works is seen when the bytes are asked for. */
  prefetch() {
    this.bytes().catch(() => {});
  }

  /** @returns {Promise<Uint8Array>} */
  async bytes() {
    if (this.chosen) return fromFile(this.chosen, this.what);
    if (!this.url) throw new Unreadable(`choose the ${this.what}`);
    this.#fetched ??= fetched(this.url, this.what);
    try {
      return await this.#fetched;
    } catch (fault) {
      this.#fetched = null;
      throw fault;
    }
  }
}

/** @param {string} url @param {string} what */
async function fetched(url, what) {
  const answer = await fetch(url).catch((fault) => {
    throw new Unreadable(`the ${what} could not be fetched: ${fault.message}`);
  });
  if (!answer.ok) throw new Unreadable(`the ${what} could not be fetched: ${await reason(answer)}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** What a problem document says, or the bare status. @param {Response} answer */
async function reason(answer) {
  try {
    const { detail, remedy } = await answer.json();
    return [detail, remedy].filter(Boolean).join(" ") || `the server answers ${answer.status}`;
  } catch {
    return `the server answers ${answer.status}`;
  }
}

/** @param {File} file @param {string} what */
async function fromFile(file, what) {
  if (file.size > BYTES_MAX) throw new Unreadable(`${file.name} has more than ${BYTES_MAX} bytes: it is no ${what}`);
  return new Uint8Array(await file.arrayBuffer());
}
