// SPDX-License-Identifier: GPL-3.0-or-later
// What one inference costs when many are one job: gas of whole transactions on an in-process chain and a seat's processor time, over 1 to
// 1,000 inputs; and what jobs of one input cost when they share a transaction. With --write it renews docs/batches/*.
import { mkdir, writeFile } from "node:fs/promises";
import { encodeFunctionData, type Hex } from "viem";
import { assayHubAbi } from "../offchain/adapters/chain/abi/assay-hub.ts";
import { createHubChain, EMPTY_RECORD } from "../test/support/hub-chain.ts";
import { drawBatches, type BatchCurve, type BundleCurve } from "./batch/picture.ts";
import { createSeat } from "./batch/seat.ts";
import type { BenchRow } from "../scripts/bench.ts";

const SEATS = 5;
const COUNTS = [1, 10, 100, 1_000] as const;
const BUNDLES = [1, 2, 5, 10] as const;

type Chain = Awaited<ReturnType<typeof createHubChain>>;

/** A job from request to FINAL; the accounts, the model and the set were used before. */
async function gasOfBatch(chain: Chain, inputs: number): Promise<Pick<BatchCurve, "request" | "submit">> {
  const requested = await chain.request({ k: SEATS, stages: 1, inputs });
  return { request: requested.gas, submit: await chain.submit(requested) };
}

/** Jobs of one input each, ended by one transaction. */
async function gasOfBundle(chain: Chain, jobs: number): Promise<number> {
  const calls: Hex[] = [];
  for (let i = 0; i < jobs; i++) {
    const requested = await chain.request({ k: SEATS, stages: 1 });
    const args = [requested.job, EMPTY_RECORD, [], [chain.stageVotes(requested, 0)], "0x"] as const;
    calls.push(encodeFunctionData({ abi: assayHubAbi, functionName: "submit", args }));
  }
  return chain.gasOf(await chain.hub.write.submitMany([calls]));
}

export const suite = {
  name: "batch",
  async run(report: (row: BenchRow) => void, progress: (text: string) => void): Promise<void> {
    progress("deploying, staking 76 workers");
    const chain = await createHubChain(76);
    await gasOfBatch(chain, 0);
    const single = await gasOfBatch(chain, 0);
    const alone = single.request + single.submit;
    const seat = await createSeat((await chain.request({ k: SEATS, stages: 1 })).job.spec);
    progress("one input, no batch");
    const plain = await seat.measure(0);
    const batches: BatchCurve[] = [];
    const tell = (inputs: number, metric: string, value: number, unit: string, base: number): void =>
      report({
        case: `${inputs} inputs a job`,
        metric: `${metric} per inference`,
        value,
        unit,
        baseline: "a job of a single input",
        ratio: value / base,
      });
    for (const inputs of COUNTS) {
      progress(`${inputs} inputs a job`);
      const gas = await gasOfBatch(chain, inputs);
      const { workMs, voteMs } = await seat.measure(inputs);
      batches.push({ inputs, ...gas, workMs, voteMs });
      tell(inputs, "gas", (gas.request + gas.submit) / inputs, "gas", alone);
      tell(inputs, "processor time of a seat", (workMs + voteMs) / inputs, "ms", plain.workMs + plain.voteMs);
    }
    const bundles: BundleCurve[] = [];
    for (const jobs of BUNDLES) {
      progress(`${jobs} jobs in one transaction`);
      const gas = await gasOfBundle(chain, jobs);
      bundles.push({ jobs, gas });
      report({
        case: `${jobs} jobs in one transaction`,
        metric: "gas of submit, per job",
        value: gas / jobs,
        unit: "gas",
        baseline: "a transaction each",
        ratio: gas / jobs / single.submit,
      });
    }
    if (!process.argv.includes("--write")) return;
    const curves = { single: { ...single, ...plain }, batches, bundles };
    await mkdir("docs/batches", { recursive: true });
    await writeFile("docs/batches/curves.json", `${JSON.stringify(curves, undefined, 2)}\n`);
    const { gas, time } = drawBatches(batches, alone, plain);
    await writeFile("docs/batches/gas.svg", gas);
    await writeFile("docs/batches/time.svg", time);
  },
};
