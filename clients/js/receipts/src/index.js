/** What the package offers: evidence bundles are judged, deployments read, and the steps of a judgement named. */

export { BadDeployment, parseDeployment } from "./deployment.js";
export { STEPS, verifyBundle } from "./verify.js";
