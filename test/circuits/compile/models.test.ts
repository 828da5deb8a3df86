// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toWords } from "../../../offchain/core/poseidon.ts";
import { mod } from "../../../offchain/core/poseidon-constants.ts";
import { saltedDigest } from "../../../offchain/core/digest.ts";
import { encodeTensor, type Tensor } from "../../../offchain/core/tensor.ts";
import { prepareInput } from "../../../offchain/core/program/preprocess.ts";
import { takeRows } from "../../../offchain/engines/program/dataset.ts";
import { readDataset, readRecipe } from "../../../offchain/engines/program/import-folder.ts";
import { loadModel } from "../../../offchain/engines/program/load-program.ts";
import { runReference } from "../../../offchain/engines/program/reference-executor.ts";
import type { LoadedStage } from "../../../offchain/engines/program/executor.ts";
import { compilePlan } from "../../../offchain/engines/she/compile/compile-plan.ts";
import { loadCipherModel } from "../../../offchain/engines/she/model/load-cipher-model.ts";
import { compileCircuit } from "../../../offchain/engines/zk/circuit/compile-circuit.ts";
import type { BoundaryKind, CompiledCircuit } from "../../../offchain/engines/zk/circuit/types.ts";
import { checkRounds } from "../../../offchain/engines/zk/kit/check-rounds.ts";
import { firstViolation } from "../../../offchain/engines/zk/r1cs/check-witness.ts";
import { constraintCount } from "../../../offchain/engines/zk/r1cs/r1cs.ts";
import { valuesToBigints } from "../../../offchain/engines/zk/r1cs/witness-values.ts";
import { buildRoundOne } from "../../../offchain/engines/zk/witness/build-round-one.ts";
import { solveRoundTwo } from "../../../offchain/engines/zk/witness/solve-round-two.ts";
import { CHALLENGE, randomInputs } from "../../support/circuit-run.ts";
import { Prng } from "../../support/prng.ts";
import { clientFor, encryptFor, errorOf, keysFor, runnersFor } from "../../support/she/encrypted-run.ts";

/** Issue 3: constraints at most, with public boundaries. */
const BUDGETS: Readonly<Record<string, number>> = {
  "tumor-mlp": 600,
  "tumor-poly": 600,
  "digits-mlp": 4_000,
  "digits-cnn": 30_000,
  "credit-forest": 4_000,
  "mail-transformer": 110_000,
};
const COMPILE_MS = 30_000;
const SALT = Uint8Array.from({ length: 31 }, (_, i) => i + 3);

const compile = ({ program }: LoadedStage, kind: BoundaryKind): Promise<CompiledCircuit> =>
  compileCircuit(program, {
    weights: "public",
    inKinds: program.inputs.map(() => kind),
    outKind: kind,
    cacheFolder: "build/cells",
  });

const dataOf = ({ data }: Tensor) =>
  new Uint8Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer);

/** v as the contract computes it, from tensors alone. */
function fingerprintOf(tensors: readonly Tensor[], kind: BoundaryKind): bigint {
  const words = tensors.flatMap((tensor) =>
    kind === "PUBLIC" ? toWords(dataOf(tensor)) : [BigInt(saltedDigest(encodeTensor(tensor), SALT))],
  );
  return words.reduce((v, word) => mod(v * CHALLENGE.rho + word), 0n);
}

function expectProves(circuit: CompiledCircuit, stage: LoadedStage, kind: BoundaryKind, seed: number): void {
  const inputs = randomInputs(stage.program, new Prng(seed));
  const salts = circuit.boundaries.map(() => SALT);
  const { values, outputs } = buildRoundOne(circuit, { inputs, salts });
  expect(outputs).to.deep.equal(runReference(stage, inputs).outputs);
  const v = fingerprintOf([...inputs, ...outputs], kind);
  const full = solveRoundTwo(circuit, values, { ...CHALLENGE, v });
  expect(firstViolation(circuit.r1cs, full), `seed ${seed}`).to.equal(-1);
  // The circuit's own value of v, asked for without telling it.
  const own = solveRoundTwo(circuit, values, CHALLENGE);
  expect(valuesToBigints(own)[1]).to.equal(v);
  const wrong = solveRoundTwo(circuit, values, { ...CHALLENGE, v: v + 1n });
  expect(firstViolation(circuit.r1cs, wrong)).to.be.at.least(0);
}

describe("circuits of the zoo (R30)", function () {
  this.timeout(300_000);
  for (const [model, budget] of Object.entries(BUDGETS)) {
    it(`default: ${model} compiles within ${budget} constraints, and reference, witness and fingerprint agree`, async () => {
      const { stages } = await loadModel(`models/${model}`);
      for (const stage of stages) {
        const startMs = performance.now();
        const circuit = await compile(stage, "PUBLIC");
        expect(performance.now() - startMs).to.be.below(COMPILE_MS * (model === "mail-transformer" ? 4 : 1));
        expect(constraintCount(circuit.r1cs)).to.equal(circuit.report.constraints);
        expect(circuit.report.constraints).to.be.at.most(budget);
        expect(circuit.report.errorBits).to.be.at.least(200);
        for (let seed = 0; seed < (budget > 50_000 ? 1 : 4); seed++) expectProves(circuit, stage, "PUBLIC", seed);
        if (budget > 50_000) continue;
        const { errorLog2 } = checkRounds(circuit.r1cs, circuit.groups);
        expect(errorLog2).to.be.below(-200);
      }
    });
  }

  for (const model of ["tumor-mlp", "tumor-poly", "digits-mlp", "credit-forest"]) {
    it(`behavior: ${model} between SALTED boundaries proves the digests that core computes`, async () => {
      const { stages } = await loadModel(`models/${model}`);
      const stage = stages[0] as LoadedStage;
      const circuit = await compile(stage, "SALTED");
      for (const seed of [7, 8]) expectProves(circuit, stage, "SALTED", seed);
    });
  }

  it("behavior: equal programs give equal circuits, whatever was compiled before", async () => {
    const { stages } = await loadModel("models/tumor-mlp");
    const stage = stages[0] as LoadedStage;
    const first = await compile(stage, "PUBLIC");
    await compile(stage, "SALTED");
    const options = { weights: "public", inKinds: ["PUBLIC"], outKind: "PUBLIC" } as const;
    const second = await compileCircuit(structuredClone(stage.program), options);
    expect(second.circuitHash).to.equal(first.circuitHash);
    expect(second.plan).to.deep.equal(first.plan);
    // Pinned: another hash is another ceremony. It changes with the gadgets, the plan's rules or the model.
    expect(first.circuitHash).to.equal("0x2baf8dbdf0e27179f8ab31d40f448e1a457821112c1234ac310284be15b00ccb");
  });

  it("behavior: R3 tumor-poly is one program: a held-out patient's result is exact in reference and circuit, on ciphertexts within the registered error", async () => {
    const model = await loadModel("models/tumor-poly");
    const stage = model.stages[0] as LoadedStage;
    const recipe = await readRecipe("models/tumor-poly");
    const { features } = takeRows(await readDataset("models/tumor-poly", recipe.evaluation), 9);
    const batch = prepareInput(model.preprocess, features);
    const rows = Array.from({ length: 9 }, (_, row) => batch.data.slice(row * 30, (row + 1) * 30));
    const circuit = await compile(stage, "PUBLIC");
    const patient = { ...batch, dims: [1, 30], data: rows[8] as typeof batch.data };
    const { outputs } = buildRoundOne(circuit, { inputs: [patient], salts: circuit.boundaries.map(() => null) });
    expect(outputs).to.deep.equal(runReference(stage, [patient]).outputs);

    const { tolerance } = await loadCipherModel("models/tumor-poly/cipher");
    const calibration = rows.slice(0, 8).map((row) => Array.from(row, Number));
    const compiled = compilePlan(stage.program, { calibration });
    const client = clientFor(compiled);
    const sample = Array.from(rows[8] ?? [], Number);
    const runners = runnersFor(compiled, keysFor(compiled, client));
    const output = runners.reduce((value, runner) => runner.run(value), encryptFor(compiled, client, [sample]));
    expect(errorOf(compiled, client, output, [sample]).error).to.be.below(tolerance);
  });

  it("behavior: the one-round backend proves tumor-poly with ctx, words and no challenge", async () => {
    const { stages } = await loadModel("models/tumor-poly");
    const { program } = stages[0] as LoadedStage;
    const options = { weights: "public", inKinds: ["PUBLIC"], outKind: "SALTED", backend: "one-round" } as const;
    const circuit = await compileCircuit(program, options);
    const inputs = randomInputs(program, new Prng(3));
    const { values, outputs } = buildRoundOne(circuit, { inputs, salts: [null, SALT], context: 77n });
    expect(firstViolation(circuit.r1cs, values)).to.equal(-1);
    const publics = valuesToBigints(values).slice(1, 1 + circuit.publics.length);
    const digest = BigInt(saltedDigest(encodeTensor(outputs[0] as Tensor), SALT));
    expect(publics).to.deep.equal([77n, ...toWords(dataOf(inputs[0] as Tensor)), digest]);
    expect(circuit.r1cs).to.include({ outputs: 0, publicInputs: 3 });
    expect(circuit.groups.round2.count).to.equal(0);
  });
});
