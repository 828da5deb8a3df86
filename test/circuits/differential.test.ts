// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { existsSync, readdirSync } from "node:fs";
import { elementsOf } from "../../offchain/core/program/analyse.ts";
import type { Tensor } from "../../offchain/core/tensor.ts";
import type { LoadedStage } from "../../offchain/engines/program/executor.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import { createOnnxExecutor } from "../../offchain/engines/program/onnx-executor.ts";
import { createReferenceExecutor } from "../../offchain/engines/program/reference-executor.ts";
import { checkRounds } from "../../offchain/engines/zk/kit/check-rounds.ts";
import { Relation } from "../../offchain/engines/zk/kit/relation.ts";
import { firstViolation } from "../../offchain/engines/zk/r1cs/check-witness.ts";
import { buildRoundOne } from "../../offchain/engines/zk/witness/build-round-one.ts";
import { solveRoundTwo } from "../../offchain/engines/zk/witness/solve-round-two.ts";
import { CHALLENGE, compileFor, randomInputs } from "../support/circuit-run.ts";
import { Prng } from "../support/prng.ts";

const LONG = process.env["CI"] === "true" || process.env["ASSAY_DEEP"] === "1";
const DEEP = process.env["ASSAY_DEEP"] === "1";
const VECTORS = LONG ? 10_000 : 500;
/** Models whose reference alone takes a minute for all vectors: a part of them in CI, all with ASSAY_DEEP=1. */
const SLOW = new Set(["mail-transformer"]);
const vectorsOf = (model: string): number => (SLOW.has(model) && !DEEP ? VECTORS / 5 : VECTORS);
/** A stage of this many constraints takes this many full witnesses a model; the executors take all vectors. */
const WITNESS_BUDGET = DEEP ? Infinity : LONG ? 125_000_000 : 1_000_000;
const BATCH = 100;

// Models without a key are never proven.
const models = readdirSync("models").filter((name) => existsSync(`models/${name}/keys`));

/** Row `at` of a batch, as a batch of one. */
function rowOf(tensor: Tensor, at: number): Tensor {
  const [, ...dims] = tensor.dims;
  const size = elementsOf(dims);
  return { ...tensor, dims: [1, ...dims], data: tensor.data.slice(at * size, (at + 1) * size) };
}

function batchOf(rows: readonly Tensor[]): Tensor {
  const [first] = rows as [Tensor];
  const [, ...dims] = first.dims;
  const numbers = rows.flatMap(({ data }) => Array.from(data));
  const data = first.dtype === "i32" ? Int32Array.from(numbers) : Int8Array.from(numbers);
  return { dtype: first.dtype, dims: [rows.length, ...dims], data };
}

async function compareStage(stage: LoadedStage, vectors: number, prng: Prng): Promise<number> {
  const { program } = stage;
  const circuit = await compileFor(program, "public");
  const relation = new Relation(circuit.r1cs, checkRounds(circuit.r1cs, circuit.groups));
  const witnesses = Math.min(vectors, Math.ceil(WITNESS_BUDGET / circuit.report.constraints));
  const every = Math.ceil(vectors / witnesses);
  const [reference, onnx] = [createReferenceExecutor(), createOnnxExecutor()];
  let checked = 0;
  for (let done = 0; done < vectors; done += BATCH) {
    const rows = Array.from({ length: BATCH }, () => randomInputs(program, prng));
    const inputs = program.inputs.map((_, i) => batchOf(rows.map((row) => row[i] as Tensor)));
    const [expected] = (await reference.run(stage, inputs)).outputs as [Tensor];
    const [output] = (await onnx.run(stage, inputs)).outputs;
    expect(output).to.deep.equal(expected);
    for (let row = 0; row < BATCH; row += every) {
      const { values, outputs } = buildRoundOne(circuit, { inputs: rows[row] as Tensor[], salts: [] });
      expect(outputs[0]).to.deep.equal(rowOf(expected, row));
      expect(relation.firstFailure(values)).to.equal(null);
      // Products by rho and the sums themselves, now and then: everything else is in the relation.
      if (checked++ % 100 === 0)
        expect(firstViolation(circuit.r1cs, solveRoundTwo(circuit, values, CHALLENGE))).to.equal(-1);
    }
  }
  await onnx.close();
  return checked;
}

describe("reference, onnxruntime and circuit witness (R2)", function () {
  this.timeout(1_200_000);
  for (const model of models)
    it(`behavior: agree on ${model}, ${vectorsOf(model)} vectors a stage`, async function () {
      let checked = 0;
      for (const stage of (await loadModel(`models/${model}`)).stages)
        checked += await compareStage(stage, vectorsOf(model), new Prng(77));
      expect(checked).to.be.greaterThan(0);
      if (this.test !== undefined) this.test.title += ` (${checked} full witnesses)`;
    });
});
