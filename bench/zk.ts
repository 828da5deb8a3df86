// SPDX-License-Identifier: GPL-3.0-or-later
// Circuits, keys and proofs of the zoo; the native prover on each of this machine's instruction sets beside snarkjs; peers on the same
// machine in the same run. Limits: issues 3 and 4. Peers are optional and installed apart (bench/peers/README.md). With ASSAY_DEEP=1 peers
// also take digits-mlp, which is minutes; ASSAY_ZK_MODELS=a,b takes those only (bits-17 and bits-19 are the circuits without a model).
import { mkdtempSync, readFileSync, rmSync, existsSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { PROOF_BYTES, encodeProof } from "../offchain/core/zk/proof.ts";
import type { G1Point } from "../offchain/core/zk/points.ts";
import { isAssayError } from "../offchain/core/errors.ts";
import { compileCircuit } from "../offchain/engines/zk/circuit/compile-circuit.ts";
import type { CompiledCircuit } from "../offchain/engines/zk/circuit/types.ts";
import { chooseProver } from "../offchain/engines/zk/prover/choose-prover.ts";
import { uniformScalar } from "../offchain/engines/zk/prover/uniform-scalar.ts";
import { ProverService } from "../offchain/engines/zk/service/prover-service.ts";
import { choosePairing } from "../offchain/engines/zk/verify/choose-pairing.ts";
import { developmentSetup } from "../offchain/engines/zk/setup/development-setup.ts";
import { buildRoundOne } from "../offchain/engines/zk/witness/build-round-one.ts";
import { solveRoundTwo } from "../offchain/engines/zk/witness/solve-round-two.ts";
import type { BenchRow, BenchSuite } from "../scripts/bench.ts";
import { claimOfSample, stageSample } from "../test/support/model-stage.ts";
import { createVerifyChain } from "../test/support/verify-chain.ts";
import { benchCircomlibMl } from "./peers/circomlib-ml.ts";
import { benchEzkl } from "./peers/ezkl.ts";
import { bitHeavyCircuit } from "./zk/bit-heavy.ts";
import { benchLinearCheck } from "./zk/linear-check.ts";
import { benchProvers, median } from "./zk/provers.ts";
import { benchVerify } from "./zk/verify-many.ts";

type Weights = "public" | "private";
interface Case {
  readonly model: string;
  readonly weights: Weights;
  /** Constraints. */
  readonly limit: number;
  /** Witness and proof on the fastest path. */
  readonly limitMs?: number;
  /** Times snarkjs's speed that the fastest path must have. */
  readonly speedup?: number;
}
const CASES: readonly Case[] = [
  { model: "tumor-mlp", weights: "public", limit: 600 },
  { model: "digits-mlp", weights: "public", limit: 4_000, limitMs: 60, speedup: 6 },
  { model: "digits-mlp", weights: "private", limit: 115_000, limitMs: 1_000, speedup: 6 },
  { model: "digits-cnn", weights: "public", limit: 30_000, limitMs: 250, speedup: 6 },
  { model: "credit-forest", weights: "public", limit: 4_000 },
  { model: "mail-transformer", weights: "public", limit: 110_000, limitMs: 700, speedup: 6 },
];
/** 2^17 and 2^19 rows, 34 a ReLU. */
const BIT_HEAVY = [
  { name: "bits-17", count: 2_912 },
  { name: "bits-19", count: 14_560 },
] as const;
/** Any challenge: the equation of a proof does not ask where it came from. */
const CHALLENGE = { c: 123_456_789n ** 9n, rho: 987_654_321n ** 8n };
const SETUP_LIMIT_MS = 10_000;
const COMPILE_LIMIT_MS = 30_000;
const GAS_LIMIT = { public: 245_000, private: 280_000 } as const;
const DOMAIN = `0x${"d0".repeat(32)}` as const;
const MEMORY_MIB = 6_144;

/** Whole runs until `runs` of them, or fewer if one is long. */
async function timed<T>(runs: number, work: () => Promise<T>): Promise<{ readonly ms: number; readonly last: T }> {
  const samples: number[] = [];
  for (;;) {
    const start = performance.now();
    const last = await work();
    samples.push(performance.now() - start);
    if (samples.length >= runs || (samples.at(-1) ?? 0) > 15_000) return { ms: median(samples), last };
  }
}

type Report = (row: BenchRow) => void;

async function compile(model: string, weights: Weights): Promise<{ ms: number; circuit: CompiledCircuit }> {
  const { stage } = await stageSample(model);
  const inKinds = stage.program.inputs.map(() => "PUBLIC" as const);
  // No cache folder: gadgets are compiled as on a fresh machine.
  const { ms, last } = await timed(3, () => compileCircuit(stage.program, { weights, inKinds, outKind: "PUBLIC" }));
  return { ms, circuit: last };
}

async function benchCase(
  { model, weights, limit, limitMs, speedup }: Case,
  chain: Awaited<ReturnType<typeof createVerifyChain>>,
  report: Report,
  progress: (text: string) => void,
): Promise<void> {
  const name = `${model}/${weights}`;
  const against = (metric: string, value: number, unit: string, bound: number): void =>
    report({ case: name, metric, value, unit, baseline: `limit ${bound}`, ratio: value / bound });
  progress(`${name}: compile`);
  const { ms: compileMs, circuit } = await compile(model, weights);
  against("constraints", circuit.report.constraints, "constraints", limit);
  against("compile_ms", compileMs, "ms", COMPILE_LIMIT_MS);
  const folder = mkdtempSync(join(tmpdir(), "assay-bench-"));
  const chosen = chooseProver();
  const by = chosen.native?.path ?? chosen.name;
  const service = new ProverService(await chosen.make(), { memoryMiB: MEMORY_MIB, pairing: choosePairing() });
  try {
    progress(`${name}: development setup`);
    let runs = 0;
    const setup = await timed(3, () => developmentSetup(circuit, join(folder, String(runs++))));
    against("setup_ms", setup.ms, "ms", SETUP_LIMIT_MS);
    const sample = await stageSample(model);
    const opening = weights === "private" ? await openWeights(circuit, setup.last, sample.input) : undefined;
    const request = {
      circuit,
      keys: setup.last,
      inputs: [sample.input],
      salts: [],
      claim: claimOfSample(sample),
      domain: DOMAIN,
      weights: opening,
    };
    progress(`${name}: proofs`);
    const proved = await service.proveStage(request);
    const { ms: proveMs } = await timed(5, () => service.proveStage(request));
    const row = { case: name, metric: "end_to_end_ms", value: proveMs, unit: `ms on ${by}` };
    report(limitMs === undefined ? row : { ...row, baseline: `limit ${limitMs}`, ratio: proveMs / limitMs });
    const { claim } = request;
    const made = { domain: DOMAIN, claim, evidence: proved.evidence, weights: opening?.commitment };
    const gas = await chain.verifyGas(proved.key.record, made);
    against("verify_gas", gas, "gas", GAS_LIMIT[weights]);
    report({ case: name, metric: "proof_bytes", value: encodeProof(proved.proof).length, unit: "bytes" });
    if (speedup !== undefined) {
      const roundOne = buildRoundOne(circuit, { inputs: [sample.input], salts: [] });
      const values = solveRoundTwo(circuit, roundOne.values, CHALLENGE);
      await benchProvers({ name, keys: setup.last, values, speedup }, report, progress);
    }
  } finally {
    await service.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchBitHeavy(
  { name, count }: (typeof BIT_HEAVY)[number],
  report: Report,
  progress: (text: string) => void,
): Promise<void> {
  const { circuit, values } = bitHeavyCircuit(count);
  const folder = mkdtempSync(join(tmpdir(), "assay-bench-"));
  try {
    progress(`${name}: development setup`);
    const { ms, last } = await timed(1, () => developmentSetup(circuit, folder));
    report({ case: name, metric: "setup_ms", value: ms, unit: "ms" });
    await benchProvers({ name, keys: last, values, speedup: 10 }, report, progress);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** C_w as a model's owner registers it: once. */
async function openWeights(
  circuit: CompiledCircuit,
  keys: Awaited<ReturnType<typeof developmentSetup>>,
  input: Awaited<ReturnType<typeof stageSample>>["input"],
): Promise<{ readonly commitment: G1Point; readonly blind: Uint8Array }> {
  const prover = await chooseProver().make();
  const key = await prover.open(keys, { memoryMiB: MEMORY_MIB, threads: availableParallelism() });
  const blind = uniformScalar();
  const commitment = await key.commitWeights(buildRoundOne(circuit, { inputs: [input], salts: [] }).values, blind);
  await key.close();
  return { commitment, blind };
}

const accuracyOf = (model: string): number =>
  (JSON.parse(readFileSync(`models/${model}/report.json`, "utf8")) as { evaluation: { integerPercent: number } })
    .evaluation.integerPercent;

export const suite: BenchSuite = {
  name: "zk",
  async run(report, progress): Promise<void> {
    const rows: BenchRow[] = [];
    const keep: Report = (row) => {
      rows.push(row);
      report(row);
    };
    const chain = await createVerifyChain();
    const only = process.env["ASSAY_ZK_MODELS"]?.split(",");
    const wanted = (model: string): boolean => only?.includes(model) ?? true;
    for (const entry of CASES.filter(({ model }) => wanted(model))) {
      if (!existsSync(`models/${entry.model}/program`)) {
        progress(`${entry.model}/${entry.weights}: no such model here, left out`);
        continue;
      }
      try {
        await benchCase(entry, chain, keep, progress);
      } catch (error) {
        if (!isAssayError(error)) throw error;
        // One model that cannot be proved yet must not hide the others' numbers.
        progress(`${entry.model}/${entry.weights}: left out, ${error.id} ${error.message}`);
      }
    }
    for (const entry of BIT_HEAVY.filter(({ name }) => wanted(name))) await benchBitHeavy(entry, keep, progress);
    for (const model of ["tumor-mlp", "digits-mlp"])
      if (wanted(`${model}/linear-check`)) await benchLinearCheck(model, keep, progress);
    if (wanted("verify-1000")) await benchVerify(keep, progress);
    const peers = process.env["ASSAY_DEEP"] === "1" ? ["tumor-mlp", "digits-mlp"] : ["tumor-mlp"];
    for (const model of peers.filter(wanted)) {
      const ours = (metric: string): number | undefined =>
        metric === "proof_bytes"
          ? PROOF_BYTES
          : metric === "accuracy_percent"
            ? accuracyOf(model)
            : rows.find(
                (row) =>
                  row.case === `${model}/public` && row.metric === (metric === "prove_ms" ? "end_to_end_ms" : metric),
              )?.value;
      const beside: Report = (row) => {
        const own = ours(row.metric);
        const baseline = row.metric === "accuracy_percent" ? `ours ${own}, all rows` : `ours ${Math.round(own ?? 0)}`;
        report(own === undefined ? row : { ...row, baseline, ratio: row.value / own });
      };
      await benchCircomlibMl(model, beside, progress);
      await benchEzkl(model, beside, progress);
    }
  },
};
