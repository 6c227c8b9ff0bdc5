/** The names of the steps in, a list that shows the state of each as it goes out. */

import { STEPS } from "../src/verify.js";
import { element } from "./elements.js";
import { STATE_WORDS, STEP_WORDS } from "./words.js";

/** @typedef {import("./words.js").State} State */

export class StepList {
  element = element("ol", { class: "verify-steps", "aria-label": "Steps of the check", hidden: true });
  /** @type {Map<string, Row>} */
  #rows = new Map();

  /** Shows all steps, none of them done. */
  begin() {
    this.#rows = new Map(STEPS.map((name) => [name, new Row(name)]));
    this.element.replaceChildren(...[...this.#rows.values()].map((row) => row.element));
    this.element.hidden = false;
  }

  /** Nothing more is going to happen. */
  end() {
    for (const row of this.#rows.values()) if (row.element.dataset.state === "queued") row.show("unreached", "");
  }

  /** @param {string} name @param {State} state @param {string} [detail] */
  show(name, state, detail = "") {
    this.#rows.get(name)?.show(state, detail);
  }
}

class Row {
  #state = element("span", { class: "verify-state" });
  #detail = element("span", { class: "verify-detail" });

  /** @param {string} name */
  constructor(name) {
    const words = STEP_WORDS[name];
    const title = element("span", { class: "verify-title" }, words?.title ?? name);
    const meaning = element("span", { class: "verify-meaning" }, words?.meaning ?? "");
    this.element = element("li", { class: "verify-step" }, title, this.#state, meaning, this.#detail);
    this.show("queued", "");
  }

  /** @param {State} state @param {string} detail */
  show(state, detail) {
    this.element.dataset.state = state;
    this.#state.textContent = STATE_WORDS[state];
    this.#detail.textContent = detail;
  }
}
