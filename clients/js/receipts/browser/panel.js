/** A page's section in, a form in it that checks the evidence it names, step by step, in the reader's own browser. */

import { parseDeployment, verifyBundle } from "../src/index.js";
import { element } from "./elements.js";
import { Source } from "./sources.js";
import { StepList } from "./steps.js";
import { tell } from "./words.js";

/** @typedef {import("./words.js").State} State */

const HASH = "0x[0-9a-fA-F]{64}";
let hints = 0;

/**
 * What the section held for readers without script makes room. `data-evidence` and `data-deployment` are addresses; what
 * has none, the reader chooses from files.
 * @param {HTMLElement} section
 */
export function mount(section) {
  if (section.querySelector("form.verify-form")) return;
  const evidence = new Source("evidence bundle", section.dataset.evidence);
  const pins = new Source("deployment file", section.dataset.deployment);
  const hash = element("input", {
    class: "verify-hash",
    type: "text",
    name: "block-hash",
    pattern: HASH,
    placeholder: "0x…",
    title: "0x and 64 hex digits",
    autocomplete: "off",
    spellcheck: "false",
  });
  const button = element("button", { class: "verify-button", type: "submit" }, "Verify in this browser");
  const form = element("form", { class: "verify-form" }, ...fields(evidence, pins, hash), button);
  const outcome = element("div", { class: "verify-outcome", role: "status" });
  const steps = new StepList();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    await check(evidence, pins, hash.value || null, steps, outcome);
    button.ariaDisabled = "false";
  });
  section.replaceChildren(form, outcome, steps.element);
  whenIdle(() => [evidence, pins].forEach((source) => source.url && source.prefetch()));
}

/** @param {Source} evidence @param {Source} pins @param {HTMLInputElement} hash */
function fields(evidence, pins, hash) {
  const anchor = field(
    "Hash of the settling block (optional)",
    hash,
    "From your own node or an explorer that you trust. Without it a receipt can be found consistent, but not verified.",
  );
  const own = field(
    "Pins of your own",
    chooser(pins),
    "deployment.json says which chain, contracts and circuit to trust. The one used unless you choose comes from this site.",
  );
  const bundle = field("Evidence bundle", chooser(evidence), "What “Download the evidence” on a job's page saves.");
  const asked = pins.url
    ? element("details", { class: "verify-own" }, element("summary", {}, "Use my own pins"), own)
    : own;
  return evidence.url ? [anchor, asked] : [bundle, anchor, asked];
}

/** @param {string} label @param {HTMLElement} control @param {string} hint */
function field(label, control, hint) {
  const id = `verify-hint-${++hints}`;
  control.setAttribute("aria-describedby", id);
  const labelled = element("label", { class: "verify-label" }, element("span", {}, label), control);
  return element("div", { class: "verify-field" }, labelled, element("p", { class: "verify-hint", id }, hint));
}

/** @param {Source} source */
function chooser(source) {
  const input = element("input", { type: "file", accept: ".json,application/json" });
  input.addEventListener("change", () => {
    source.chosen = input.files?.[0] ?? null;
  });
  return input;
}

/**
 * @param {Source} evidence @param {Source} pins @param {string | null} blockHash @param {StepList} steps
 * @param {HTMLElement} outcome
 */
async function check(evidence, pins, blockHash, steps, outcome) {
  steps.begin();
  say(outcome, "running", "Checking");
  const started = performance.now();
  try {
    const verdict = await verifyBundle(await evidence.bytes(), await parseDeployment(await pins.bytes()), {
      blockHash,
      pause: breathe,
      onStart: (name) => steps.show(name, "running"),
      onStep: ({ name, state, detail }) => steps.show(name, state, detail),
    });
    const { title, lines } = tell(verdict, performance.now() - started);
    say(outcome, verdict.outcome, title, ...lines);
  } catch (fault) {
    say(outcome, "unchecked", "Nothing was checked", `${fault instanceof Error ? fault.message : fault}.`);
  } finally {
    steps.end();
  }
}

/** @param {HTMLElement} outcome @param {string} state @param {string} title @param {string[]} lines */
function say(outcome, state, title, ...lines) {
  outcome.dataset.state = state;
  outcome.replaceChildren(element("strong", {}, title), ...lines.map((line) => element("p", {}, line)));
}

/** Lets the page paint and answer before the next piece of work. @returns {Promise<void>} */
function breathe() {
  return new Promise((resolve) => setTimeout(resolve));
}

/** @param {() => void} work */
function whenIdle(work) {
  if ("requestIdleCallback" in window) requestIdleCallback(work);
  else setTimeout(work);
}
