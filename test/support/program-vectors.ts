// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex, toHex } from "../../offchain/core/bytes.ts";
import { canonicalJson } from "../../offchain/core/manifest.ts";
import { hasAccumulator } from "../../offchain/core/program/types.ts";
import { encodeStages, programRoot, stageKernel } from "../../offchain/core/program/container.ts";
import { encodeProgram } from "../../offchain/core/program/encode-program.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import { loadStage } from "../../offchain/engines/program/executor.ts";
import { runReference } from "../../offchain/engines/program/reference-executor.ts";
import { randomBlock } from "./random-block.ts";
import { Random, randomInputs, randomPolynomial, randomProgram } from "./random-program.ts";

/** Text of test/fixtures/vectors/program.json: programs with their hashes, and inputs with their exact results. */
export function programVectors(): string {
  const cases = Array.from({ length: 20 }, (_, seed) => {
    const random = new Random(1000 + seed);
    const program =
      seed >= 12 ? randomBlock(random) : seed < 9 ? randomProgram(random) : randomPolynomial(random, seed - 9);
    const bytes = encodeProgram(program);
    const first = program.ops.findIndex(hasAccumulator);
    const stage = loadStage(bytes, first === -1 ? null : first);
    const inputs = randomInputs(random, program, 5);
    const { outputs, probe } = runReference(stage, inputs);
    return {
      bytes: toHex(bytes),
      kernel: stageKernel(bytes),
      probe: stage.probe,
      inputs: inputs.map((tensor) => toHex(encodeTensor(tensor))),
      outputs: outputs.map((tensor) => toHex(encodeTensor(tensor))),
      probeOutput: probe === undefined ? null : toHex(encodeTensor(probe)),
    };
  });
  const trees = [1, 2, 3].map((count) => {
    const stages = cases.slice(0, count).map(({ bytes }) => fromHex(bytes));
    return { stages: count, file: stageKernel(encodeStages(stages)), programRoot: programRoot(stages) };
  });
  return canonicalJson({ version: 1, cases, trees });
}
