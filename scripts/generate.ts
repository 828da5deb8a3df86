// SPDX-License-Identifier: GPL-3.0-or-later
// Regenerates every file that is derived from another: vectors, ABIs, reference pages. Needs a build.
//
//   npm run generate             write them
//   npm run generate -- --check  also fail, naming the files, if any of them was stale
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";

function hashes(): Map<string, string> {
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"]).toString().split("\n");
  const hash = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");
  return new Map(files.filter((file) => file !== "" && existsSync(file)).map((file) => [file, hash(file)]));
}

const before = hashes();
for (const name of readdirSync("scripts/generate")
  .filter((file) => file.endsWith(".ts"))
  .toSorted()) {
  const startMs = Date.now();
  const { status } = spawnSync("node", [`scripts/generate/${name}`], { stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    console.log(`generate: ${name} failed`);
    process.exit(1);
  }
  console.log(`generate: ${name} in ${((Date.now() - startMs) / 1000).toFixed(1)} s`);
}
const after = hashes();
const stale = [...after].filter(([file, hash]) => before.get(file) !== hash).map(([file]) => file);
for (const file of stale) console.log(`stale: ${file} (now regenerated: look at the difference and commit it)`);
if (process.argv.includes("--check") && stale.length > 0) process.exitCode = 1;
