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
  /** Nothing below can run when this fails. */
  readonly essential?: true;
  /** Shares two cores with the suites before it, down to one that is not beside another: two run at a time, in this order. */
  readonly beside?: true;
}

const deep = process.env["ASSAY_DEEP"] === "1";
if (deep) {
  process.env["ASSAY_SEED"] ??= `0x${randomBytes(32).toString("hex")}`;
  console.log(`ASSAY_SEED=${process.env["ASSAY_SEED"]}`);
}

const formatted = ["contracts", "offchain", "scripts", "test", "bench", "examples"].filter((path) => existsSync(path));
const mocha = (pattern: string, besides = "") => [
  "mocha",
  "--config",
  ".mocharc.json",
  ...globSync(pattern, { exclude: besides === "" ? [] : [besides] }).toSorted(),
];

const suites: readonly Suite[] = [
  { name: "build", run: ["hardhat", "build"], counts: false, essential: true },
  { name: "format", run: ["prettier", "--check", "--log-level", "warn", ...formatted], counts: false, beside: true },
  { name: "rules", run: ["node", "scripts/check.ts"], counts: false, beside: true },
  { name: "types", run: ["tsc", "-p", "."], counts: false },
  { name: "lint", run: ["oxlint", "--type-aware", "--deny-warnings"], counts: false, beside: true },
  { name: "fresh", run: ["node", "scripts/generate.ts", "--check"], counts: false },
  { name: "solidity", run: ["hardhat", "test", "solidity", ...(deep ? [] : ["--snapshot-check"])], counts: true },
  { name: "contracts", run: ["hardhat", "test", "mocha", "--no-compile"], counts: true, beside: true },
  { name: "integration", run: mocha("test/integration/**/*.test.ts"), counts: true },
  {
    name: "offchain",
    run: mocha("test/offchain/**/*.test.ts", "test/offchain/engines/zk/**"),
    counts: true,
    beside: true,
  },
  { name: "circuits", run: mocha("test/circuits/**/*.test.ts"), counts: true, beside: true },
  { name: "zk", run: mocha("test/offchain/engines/zk/**/*.test.ts"), counts: true, beside: true },
  { name: "e2e", run: mocha("test/{e2e,attacks}/**/*.test.ts"), counts: true, long: true },
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

const show = (text: string): void => void process.stdout.write(text);
while (chosen.length > 0) {
  const next = chosen.findIndex(({ beside }, i) => i > 0 && beside !== true);
  const group = chosen.splice(0, next === -1 ? chosen.length : next);
  let goesOn = true;
  // The first prints as it goes; what the others print comes when they are over and it is too.
  const held: string[] = [];
  let isFirstOver = false;
  const runNext = async (): Promise<void> => {
    for (let suite = group.shift(); suite !== undefined; suite = group.shift()) {
      const isFirst = suite === first;
      const own: string[] = [];
      const ok = await run(suite, isFirst ? show : (text) => own.push(text));
      if (isFirst) isFirstOver = true;
      held.push(own.join(""));
      if (isFirstOver) show(held.splice(0).join(""));
      if (!ok && suite.essential === true) goesOn = false;
    }
  };
  const [first] = group;
  await Promise.all([runNext(), runNext()]);
  if (!goesOn) break;
}
for (const failure of recap) console.log(failure);
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
process.exitCode = total.failed === 0 ? 0 : 1;
