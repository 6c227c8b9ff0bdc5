/**
 * The sources in, the one file that the explorer serves out: `node build.js [FOLDER]` writes verify.js and verify.css.
 */

import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = process.argv[2] ?? `${here}../../../api/pages/static`;

await build({
  absWorkingDir: here,
  entryPoints: [
    { in: "browser/main.js", out: "verify" },
    { in: "browser/verify.css", out: "verify" },
  ],
  outdir: folder,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  legalComments: "inline",
});

const gzipped = gzipSync(await readFile(`${folder}/verify.js`), { level: 9 }).length;
console.log(`verify.js weighs ${(gzipped / 1000).toFixed(1)} kB gzip`);
