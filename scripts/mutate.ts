// SPDX-License-Identifier: GPL-3.0-or-later
// Plants the fault of every numbered invariant in a copy of the contracts and runs the test that must catch it.
//
//   node scripts/mutate.ts            all of them, one after another
//   node scripts/mutate.ts 6 19       only these
//   node scripts/mutate.ts --json     one JSON object a line
//
// Exits with 1 if a fault survives, a patch no longer applies, or a test does not even run.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { INVARIANTS } from "./mutation/invariants.ts";
import type { Invariant } from "./mutation/invariants.ts";
import { complaints, plant } from "./mutation/plant.ts";

type Outcome = "caught" | "SURVIVED" | "DOES NOT APPLY" | "DID NOT RUN";

// The copy compiles without the optimizer, which takes a third of the time; contracts beyond 24 kB then only warn.
const FASTER = [
  ["({ enabled: true, runs })", "({ enabled: false, runs })"],
  ["if (ours && !context", "if (!ours && ours && !context"],
] as const;
const COPIED = ["contracts", "test/contracts", "test/fixtures", "hardhat.config.ts", "package.json", "tsconfig.json"];

const json = process.argv.includes("--json");
const numbers = process.argv.slice(2).filter((word) => word !== "--json");
const chosen = INVARIANTS.filter(({ number }) => numbers.length === 0 || numbers.includes(String(number)));
const unknown = numbers.filter((word) => !INVARIANTS.some(({ number }) => String(number) === word));
if (unknown.length > 0) fail(`No invariant ${unknown.join(", ")}: they are numbered 1 to ${INVARIANTS.length}.`);

function fail(why: string): never {
  console.error(why);
  process.exit(2);
}

function copyOfTheRepository(): string {
  const copy = mkdtempSync(join(tmpdir(), "assay-mutate-"));
  for (const path of COPIED) cpSync(path, join(copy, path), { recursive: true });
  symlinkSync(join(process.cwd(), "node_modules"), join(copy, "node_modules"));
  const config = join(copy, "hardhat.config.ts");
  let text = readFileSync(config, "utf8");
  for (const [find, replace] of FASTER) {
    if (text.split(find).length !== 2) fail(`hardhat.config.ts no longer says ${find}`);
    text = text.replace(find, replace);
  }
  writeFileSync(config, text);
  return copy;
}

/** Runs one test function in the copy. Only a failure of that very function counts as a catch. */
function runTest(copy: string, { tests: [test] }: Invariant): Outcome {
  const path = join("test/contracts", test.file);
  const args = ["test", "solidity", path, "--grep", test.name];
  const { stdout } = spawnSync("hardhat", args, {
    cwd: copy,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, NO_COLOR: "1", HARDHAT_DISABLE_TELEMETRY: "true" },
  });
  const failing = new RegExp(String.raw`\d+\) ${test.name}\(`).test(stdout);
  if (failing) return "caught";
  if (stdout.includes(`✔ ${test.name}(`)) return "SURVIVED";
  console.error(stdout.slice(-2_000));
  return "DID NOT RUN";
}

function judge(copy: string, invariant: Invariant): Outcome {
  if (complaints(copy, invariant).length > 0) return "DOES NOT APPLY";
  const restore = plant(copy, invariant.mutation);
  try {
    return runTest(copy, invariant);
  } finally {
    restore();
  }
}

const copy = copyOfTheRepository();
process.once("exit", () => rmSync(copy, { recursive: true, force: true }));
const startMs = Date.now();
let bad = 0;
if (!json) console.log("  n  outcome         seconds  fault, and the test that must catch it");
for (const invariant of chosen) {
  const fromMs = Date.now();
  const outcome = judge(copy, invariant);
  const seconds = (Date.now() - fromMs) / 1000;
  if (outcome !== "caught") ++bad;
  const { number, mutation, tests } = invariant;
  if (json) {
    console.log(JSON.stringify({ number, outcome, seconds, fault: mutation.fault, test: tests[0].name }));
  } else {
    const head = `${String(number).padStart(3)}  ${outcome.padEnd(14)}  ${seconds.toFixed(1).padStart(7)}`;
    console.log(`${head}  ${mutation.fault}: ${tests[0].name}`);
  }
}
const total = ((Date.now() - startMs) / 1000).toFixed(0);
if (!json) console.log(`${chosen.length - bad} of ${chosen.length} faults caught in ${total} s`);
process.exitCode = bad === 0 ? 0 : 1;
