/** Sections of the page that ask for it get a verifier; whoever imports this file gets the verifier's functions. */

import { mount } from "./panel.js";

export * from "../src/index.js";
export { mount };

if (typeof document !== "undefined") {
  for (const section of document.querySelectorAll("section[data-verify]")) mount(/** @type {HTMLElement} */ (section));
}
