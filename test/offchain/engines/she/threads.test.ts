// SPDX-License-Identifier: GPL-3.0-or-later
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { cipherDigest } from "../../../../offchain/core/she/digest.ts";
import { compilePlan } from "../../../../offchain/engines/she/compile/compile-plan.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import { StagePool } from "../../../../offchain/engines/she/threads/stage-pool.ts";
import { StageThreads } from "../../../../offchain/engines/she/threads/stage-threads.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { clientFor, encryptFor, keysFor, runnersFor } from "../../../support/she/encrypted-run.ts";
import { KNOWN_DIGEST } from "../../../support/she/known-run.ts";
import { polyPerceptron, randomInput } from "../../../support/she/toy-programs.ts";

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL("../../../support/she/known-run.ts", import.meta.url));
const TIERS = [["--liftoff", "--no-wasm-tier-up"], ["--no-liftoff"], []];

describe("evaluation in other processes", () => {
  it("R41: engine tiers and numbers of threads give one digest", async () => {
    // Three processes each of all six ways under ASSAY_DEEP.
    const isDeep = process.env["ASSAY_DEEP"] === "1";
    const ways = TIERS.flatMap((flags) => [1, 2].map((lanes) => ({ flags, lanes })));
    const chosen = isDeep ? [...ways, ...ways, ...ways] : [{ flags: TIERS[0] ?? [], lanes: 2 }];
    for (const { flags, lanes } of chosen) {
      const { stdout } = await run(process.execPath, [...flags, CHILD, String(lanes)]);
      expect(stdout.trim(), `${flags.join(" ")} ${lanes}`).to.equal(KNOWN_DIGEST);
    }
  }).timeout(300_000);
});

describe("evaluation on threads", () => {
  const rng = new Prng(21);
  const program = polyPerceptron([24, 16, 2], rng);
  const compiled = compilePlan(program, { calibration: [randomInput(program, rng)], interleave: 64 });
  const { plan, weights } = compiled;
  const client = clientFor(compiled);
  const keys = keysFor(compiled, client);
  const input = encryptFor(compiled, client, [randomInput(program, rng)]);
  const options = (lanes: number) => ({
    profile: plan.profile,
    interleave: plan.interleave,
    stage: plan.stages[0] as (typeof plan.stages)[number],
    weights: weights[0] ?? [],
    lanes,
  });
  const digest = (object: typeof input) => cipherDigest(object, nodeHashes);

  it("behavior: one, two and three lanes give the bytes of the caller's own thread, again and again", async () => {
    const step = options(1).stage.steps[0];
    expect(step?.kind === "linear" ? step.giants * step.babies : 0).to.be.greaterThan(1);
    const [runner] = runnersFor(compiled, keys);
    const expected = digest(runner?.run(input) ?? input);
    for (const lanes of [1, 2, 3]) {
      const threads = await StageThreads.start(options(lanes));
      try {
        for (let i = 0; i < 2; i++) expect(digest(await threads.run(input, keys)), `${lanes} lanes`).to.equal(expected);
      } finally {
        await threads.close();
      }
    }
  });

  it("error: refusals leave the lanes ready; a closed pool fails with WORKER_FAILED", async () => {
    const pool = await StagePool.start({ ...options(2), size: 2 });
    try {
      await expectCode("KEY_MISSING", () => pool.run(input, keys.slice(1)));
      const low = { header: { ...input.header, level: 1 }, rows: input.rows.subarray(0, 2 * 8192) };
      await expectCode("LEVEL_MISMATCH", () => pool.run(low, keys));
      const outputs = await Promise.all([0, 1, 2].map(() => pool.run(input, keys)));
      expect(new Set(outputs.map(digest)).size).to.equal(1);
    } finally {
      await pool.close();
    }
    await expectCode("WORKER_FAILED", () => pool.run(input, keys));
  });
});
