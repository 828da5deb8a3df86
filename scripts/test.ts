// SPDX-License-Identifier: GPL-3.0-or-later
// Runs every check and suite, on two cores, and closes with one line: "N passed, N failed".
//
//   npm test                     everything but the long suites
//   npm test -- types solidity   only those named
//   CI=true npm test             the long suites too (what .ci/run does)
//   ASSAY_DEEP=1 npm test        more fuzz and invariant runs, from a new printed seed; ASSAY_SEED repeats one
import { randomBytes } from "node:crypto";
import { existsSync, globSync } from "node:fs";
import { runCounted } from "./support/run-counted.ts";

interface Suite {
  readonly name: string;
  readonly run: readonly string[];
  /** Count mocha-style "N passing" lines; otherwise the exit code is one check. */
  readonly counts: boolean;
  /** Only under CI or when named. */
  readonly long?: true;
  /** Runs without what the build makes, so beside it; every other suite waits for the build and is left out when it fails. */
  readonly unbuilt?: true;
  /** Counts on both cores: runs when all others are over. */
  readonly alone?: true;
  /** Workers that wait for blocks and deadlines half of the time: takes half a core. */
  readonly waits?: true;
}

const deep = process.env["ASSAY_DEEP"] === "1";
if (deep) {
  process.env["ASSAY_SEED"] ??= `0x${randomBytes(32).toString("hex")}`;
  console.log(`ASSAY_SEED=${process.env["ASSAY_SEED"]}`);
}

const BUILD = "build";
const FUZZ = "testFuzz|invariant_";
const formatted = ["contracts", "offchain", "scripts", "test", "bench", "examples"].filter((path) => existsSync(path));
const mocha = (pattern: string, besides = "") => [
  "mocha",
  "--config",
  ".mocharc.json",
  ...globSync(pattern, { exclude: besides === "" ? [] : [besides] }).toSorted(),
];
const [RELEASE, DEVNETS] = ["packages,sanitized-prover", "chaos,devnet,kill"];

/** In the order in which they begin, as many as two cores take: long ones early, so that no core waits for the other at the end. */
const suites: readonly Suite[] = [
  { name: BUILD, run: ["hardhat", "build"], counts: false, unbuilt: true },
  { name: "format", run: ["prettier", "--check", "--log-level", "warn", ...formatted], counts: false, unbuilt: true },
  { name: "rules", run: ["node", "scripts/check.ts"], counts: false, unbuilt: true },
  { name: "circuits", run: mocha("test/circuits/**/*.test.ts"), counts: true, unbuilt: true },
  { name: "types", run: ["npm", "run", "--silent", "types"], counts: false },
  { name: "lint", run: ["oxlint", "--type-aware", "--deny-warnings"], counts: false },
  { name: "fresh", run: ["node", "scripts/generate.ts", "--check"], counts: false },
  // What a fuzzer's inputs cost differs from machine to machine, so no gas of theirs is compared.
  { name: "fuzz", run: ["hardhat", "test", "solidity", "--no-compile", "--grep", FUZZ], counts: true },
  {
    name: "solidity",
    run: ["hardhat", "test", "solidity", "--no-compile", "--grep-exclude", FUZZ, "--snapshot-check"],
    counts: true,
  },
  { name: "integration", run: mocha("test/integration/[a-e]*.test.ts"), counts: true, waits: true },
  { name: "integration-2", run: mocha("test/integration/[f-z]*.test.ts"), counts: true, waits: true },
  { name: "contracts", run: ["hardhat", "test", "mocha", "--no-compile"], counts: true },
  { name: "offchain", run: mocha("test/offchain/**/*.test.ts", "test/offchain/engines/zk/**"), counts: true },
  { name: "zk", run: mocha("test/offchain/engines/zk/**/*.test.ts"), counts: true },
  { name: "release", run: mocha(`test/e2e/{${RELEASE}}.test.ts`), counts: true, long: true },
  { name: "devnets", run: mocha(`test/e2e/{${DEVNETS}}.test.ts`), counts: true, long: true },
  {
    name: "e2e",
    run: mocha("test/e2e/*.test.ts", `test/e2e/{${RELEASE},${DEVNETS}}.test.ts`),
    counts: true,
    long: true,
    alone: true,
  },
];

const only = process.argv.slice(2);
const unknown = only.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(`No suite ${unknown.join(", ")}. There are: ${suites.map((suite) => suite.name).join(", ")}`);
  process.exit(2);
}
const long = process.env["CI"] === "true" || deep;
const chosen = suites.filter((suite) => (only.length > 0 ? only.includes(suite.name) : long || suite.long !== true));

const total = { passed: 0, failed: 0, skipped: 0 };
/** What failed, told again at the end: logs are long, and some keep only their last lines. */
const recap: string[] = [];

/** Runs a suite, adds its counts to the total, and closes its output with one line. Returns whether nothing failed. */
async function run(suite: Suite, write: (text: string) => void): Promise<boolean> {
  const startMs = Date.now();
  const { ok, passing, failing, pending, failures } = await runCounted(suite.run, write);
  const passed = suite.counts ? passing : Number(ok);
  // A suite that exits badly without counting a failure has failed, and so has one that ran nothing.
  const failed = Math.max(suite.counts ? failing : 0, ok && passed > 0 ? 0 : 1);
  total.passed += passed;
  total.failed += failed;
  total.skipped += suite.counts ? pending : 0;
  if (failed > 0) recap.push(`${suite.name} FAILED${failures === "" ? ", see above" : `:\n${failures.trimEnd()}`}\n`);
  const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
  write(`-- ${suite.name}: ${failed === 0 ? "ok" : "FAILED"} in ${seconds} s\n\n`);
  return failed === 0;
}

// The suite that began first prints as it goes; the others' output waits for their turn.
const voices: { readonly held: string[]; isOver: boolean }[] = [];
function speak(): void {
  for (let first = voices[0]; first !== undefined; first = voices[0]) {
    process.stdout.write(first.held.splice(0).join(""));
    if (!first.isOver) return;
    voices.shift();
  }
}

let isBuilt = chosen.every(({ name }) => name !== BUILD);
const lanes = new Map<Suite, Promise<void>>();

async function occupyLane(suite: Suite): Promise<void> {
  const voice = { held: new Array<string>(), isOver: false };
  voices.push(voice);
  const ok = await run(suite, (text) => {
    voice.held.push(text);
    speak();
  });
  voice.isOver = true;
  speak();
  if (suite.name === BUILD && ok) isBuilt = true;
  if (suite.name === BUILD && !ok) chosen.length = 0;
  lanes.delete(suite);
}

const CORES = 2;
const coresOf = ({ waits }: Suite) => (waits === true ? 0.5 : 1);

/** The next suite that may begin now, if any. */
function takeNext(): Suite | undefined {
  const free = [...lanes.keys()].reduce((cores, suite) => cores - coresOf(suite), CORES);
  const i = chosen.findIndex(
    (suite) =>
      coresOf(suite) <= free && (isBuilt || suite.unbuilt === true) && (suite.alone !== true || lanes.size === 0),
  );
  return i === -1 ? undefined : chosen.splice(i, 1)[0];
}

for (;;) {
  const next = takeNext();
  if (next !== undefined) lanes.set(next, occupyLane(next));
  else if (lanes.size > 0) await Promise.race(lanes.values());
  else break;
}
for (const failure of recap) console.log(failure);
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
process.exitCode = total.failed === 0 ? 0 : 1;
