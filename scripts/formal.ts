// SPDX-License-Identifier: GPL-3.0-or-later
// Proves what Accounting.sol asserts of SettleLib for every input, and that a planted fault breaks each proof.
//
//   npm run formal
//
// Exits with 1 if an assertion is not proved, or if a fault is not refuted.
import { assertions, PROPERTIES, prove } from "./formal/prove.ts";

let failed = 0;
for (const property of PROPERTIES) {
  const started = performance.now();
  const right = prove(property, false);
  const wrong = prove(property, true);
  const expected = assertions(property.contract);
  const good = expected > 0 && right.proved === expected && right.refuted + right.unknown === 0 && wrong.refuted > 0;
  if (!good) failed++;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const counts = `${right.proved} of ${expected} proved; with the fault ${wrong.refuted} refuted`;
  console.log(`${good ? "ok  " : "FAIL"}  ${property.contract}: ${counts} (${seconds} s). ${property.sentence}`);
}
process.exitCode = failed === 0 ? 0 : 1;
