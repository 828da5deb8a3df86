// SPDX-License-Identifier: GPL-3.0-or-later
// A whole encrypted evaluation from known bytes. As a program of its own it prints the output's digest; lanes: first argument.
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cipherDigest } from "../../../offchain/core/she/digest.ts";
import type { SheObject } from "../../../offchain/core/she/object.ts";
import { compilePlan } from "../../../offchain/engines/she/compile/compile-plan.ts";
import { nodeHashes } from "../../../offchain/engines/she/node-hashes.ts";
import { StageThreads } from "../../../offchain/engines/she/threads/stage-threads.ts";
import { Prng } from "../prng.ts";
import { clientFor, encryptFor, keysFor } from "./encrypted-run.ts";
import { polyPerceptron, randomInput } from "./toy-programs.ts";

/** Two squares apart 24 numbers a layer, keys and input of counted bytes instead of random ones. */
export function knownRun() {
  const rng = new Prng(77);
  const program = polyPerceptron([40, 24, 2], rng);
  const compiled = compilePlan(program, { calibration: Array.from({ length: 10 }, () => randomInput(program, rng)) });
  let byte = 7;
  const client = clientFor(compiled, (length) => Uint8Array.from({ length }, () => byte++ & 255));
  const keys = keysFor(compiled, client);
  return { compiled, keys, input: encryptFor(compiled, client, [randomInput(program, rng)]) };
}

/** Beginning of the digest that every machine, engine tier and number of threads must give. */
export const KNOWN_DIGEST = "0x99bbc0c79d4726dd";
export const shortDigest = (object: SheObject) => cipherDigest(object, nodeHashes).slice(0, KNOWN_DIGEST.length);

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { compiled, keys, input } = knownRun();
  const { plan, weights } = compiled;
  const [stage] = plan.stages;
  if (stage !== undefined) {
    const lanes = Number(process.argv[2] ?? "1");
    const { profile, interleave } = plan;
    const threads = await StageThreads.start({ profile, interleave, stage, weights: weights[0] ?? [], lanes });
    console.log(shortDigest(await threads.run(input, keys)));
    await threads.close();
  }
}
