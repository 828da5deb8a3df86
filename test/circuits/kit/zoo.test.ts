// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, readdirSync } from "node:fs";
import { elementsOf } from "../../../offchain/core/program/analyse.ts";
import { loadModel } from "../../../offchain/engines/program/load-program.ts";
import { compileFor, expectSound } from "../../support/circuit-run.ts";
import { Prng } from "../../support/prng.ts";

// Models without a key are never proven.
const models = readdirSync("models").filter((name) => existsSync(`models/${name}/keys`));

describe("soundness kit on the zoo (R36)", function () {
  this.timeout(600_000);
  for (const model of models)
    it(`behavior: every stage of ${model} keeps the round rule, has one witness, and no wire moves alone`, async () => {
      for (const { program } of (await loadModel(`models/${model}`)).stages) {
        const bytes = Math.max(
          ...program.inputs.map(({ dims, dtype }) => elementsOf(dims) * (dtype === "i32" ? 4 : 1)),
        );
        expectSound(await compileFor(program, "public", "SALTED"), new Prng(1));
        if (bytes <= 1024) expectSound(await compileFor(program, "public", "PUBLIC"), new Prng(2));
      }
    });
});
