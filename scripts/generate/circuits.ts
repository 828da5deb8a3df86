// SPDX-License-Identifier: GPL-3.0-or-later
// circuits/circuits.json: the zoo's circuits between public boundaries, their hashes and sizes. A hash that changes makes keys of that
// circuit worthless, so a difference here is to be looked at; a circuit above its budget (issue 3) fails.
import { writeFileSync } from "node:fs";
import { canonicalJson } from "../../offchain/core/manifest.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import { compileCircuit } from "../../offchain/engines/zk/circuit/compile-circuit.ts";
import { checkRounds } from "../../offchain/engines/zk/kit/check-rounds.ts";

interface Instance {
  readonly model: string;
  readonly weights: "public" | "private";
  /** Constraints at most. */
  readonly budget: number;
}

const INSTANCES: readonly Instance[] = [
  { model: "tumor-mlp", weights: "public", budget: 600 },
  { model: "tumor-poly", weights: "public", budget: 600 },
  { model: "digits-mlp", weights: "public", budget: 4_000 },
  { model: "digits-mlp", weights: "private", budget: 115_000 },
  { model: "digits-cnn", weights: "public", budget: 30_000 },
  { model: "credit-forest", weights: "public", budget: 4_000 },
  { model: "mail-transformer", weights: "public", budget: 110_000 },
];

const circuits: Record<string, unknown> = {};
for (const { model, weights, budget } of INSTANCES) {
  const { stages } = await loadModel(`models/${model}`);
  for (const [stage, { program }] of stages.entries()) {
    const { r1cs, groups, circuitHash, boundaries, report } = await compileCircuit(program, {
      weights,
      inKinds: program.inputs.map(() => "PUBLIC"),
      outKind: "PUBLIC",
      cacheFolder: "build/zk/circuits",
    });
    checkRounds(r1cs, groups);
    const { constraints, wires, domainBits, sideB, errorBits } = report;
    const id = `${model}/${stage}/${weights}`;
    if (constraints > budget) {
      console.error(`circuits: ${id} has ${constraints} constraints, its budget is ${budget}`);
      process.exitCode = 1;
    }
    const bytes = boundaries.map(({ dataLength }) => dataLength);
    circuits[id] = { circuitHash, constraints, budget, domainBits, sideB, errorBits, wires, publicBytes: bytes };
  }
}
writeFileSync("circuits/circuits.json", canonicalJson({ version: 1, circuits }));
