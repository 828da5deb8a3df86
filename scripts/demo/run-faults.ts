// SPDX-License-Identifier: GPL-3.0-or-later
import { decodeFunctionData, type Hex } from "viem";
import { getContractEvents, simulateContract, writeContract } from "viem/actions";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { parseCsv, parseIdx } from "../../offchain/engines/program/dataset.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import type { EnclaveOptions } from "./devnet-enclaves.ts";
import { DemoError } from "./errors.ts";
import {
  lost,
  moneyOf,
  OFFENCE,
  rightAnswer,
  same,
  stakeOf,
  timed,
  type FaultOutcome,
  type FaultTools,
} from "./fault-checks.ts";
import { dataFile, plan, type PlannedJob } from "./plan-jobs.ts";
import { planPresets } from "./plan-presets.ts";
import { planCiphers } from "./plan-ciphers.ts";
import { capturedStage, flippedCoefficient } from "./run-cipher-faults.ts";
import { revokedAnswerer, revokedProver } from "./run-enclave-faults.ts";
import { runJob, type RanJob } from "./run-job.ts";
import { ruled } from "./ruled.ts";
import { table } from "./table.ts";

/** The models behind the faults, beside those that `npm start` always has. */
export const FAULT_MODELS = ["models/tumor-mlp", "models/digits-cnn", "models/digits-split"];
export const FAULT_CIPHERS = ["models/tumor-poly"];
/** Each worker's enclave on a machine of its own, all of one vendor: one of them is revoked, then another. */
export const faultEnclaves = (workers: number): EnclaveOptions => ({
  model: "models/tumor-mlp",
  platforms: 1,
  machines: workers,
  critical: true,
});

const T_WORK = { vote: 40, proof: 120, split: 20, economy: 40 } as const;

/** A liar against each kind of evidence, one after the other; only windows pass side by side. */
export async function runFaults(tools: FaultTools): Promise<readonly FaultOutcome[]> {
  const cnn = await loadModel("models/digits-cnn");
  const tumor = await loadModel("models/tumor-mlp");
  const images = parseIdx(dataFile("digits-test-images.idx.gz"), dataFile("digits-test-labels.idx.gz"));
  const sick = parseCsv(new TextDecoder().decode(dataFile("tumor-test.csv")));
  const wrong = await wrongDigest(tools, await plan(cnn, images, 7, "liar", 0));
  const forged = await forgedProof(tools, [
    await plan(tumor, sick, 5, "proven", 1),
    await plan(tumor, sick, 6, "proven", 2),
  ]);
  const { split, economy } = await planPresets(3);
  const sampled = await auditedLie(tools, economy);
  const dead = await deadSeat(tools, split);
  const outvoted = await wrong.done;
  // Nothing else moves money any more: what these cost is seen in every balance.
  const { patients } = await planCiphers(5);
  const flipped = await flippedCoefficient(tools, patients);
  const captured = await capturedStage(tools, { ...patients, index: patients.index + 1 });
  const sickOne = async (row: number, index: number, preset: "fast-enclave" | "critical-enclave") => ({
    ...(await plan(tumor, sick, row, "enclave", index)),
    preset,
  });
  const answerer = await revokedAnswerer(tools, await sickOne(13, 7, "fast-enclave"));
  const prover = await revokedProver(tools, await sickOne(14, 8, "critical-enclave"));
  return [outvoted, forged, sampled, dead, flipped, captured, answerer, prover];
}

/** A seat of five votes for another digest, and insists when it is outvoted. Resolves when eleven fresh seats have ruled; the outcome comes with the window's end. */
async function wrongDigest(tools: FaultTools, job: PlannedJob): Promise<{ readonly done: Promise<FaultOutcome> }> {
  const { devnet, wallet, options } = tools;
  let liar = 0;
  let before = 0n;
  const running = timed(async () =>
    runJob(job, {
      ...options,
      tWork: T_WORK.vote,
      beforeDelivery: async (seats) => {
        liar = seats[2] ?? 0;
        before = await stakeOf(tools, liar);
        await devnet.setFault(devnet.workerOf(liar), "wrong-digest");
        tools.presenter.job(job.index, "fault", `seat 2, worker ${liar}, will vote for another digest`);
      },
    }),
  );
  await ruled(running, wallet, options.signal);
  if (liar !== 0) await devnet.setFault(devnet.workerOf(liar), "none");
  const done = running.then(async ({ value, seconds }): Promise<FaultOutcome> => {
    const stake = value.receipt.job.spec.policy.seatStake;
    return {
      fault: "wrong digest, insisted on",
      preset: "general-vote",
      verdict: "eleven fresh seats confirm the four; the liar loses S, half of it burned",
      money: moneyOf(value, liar),
      seconds,
      problems: [
        ...rightAnswer(value),
        ...lost(value, liar, OFFENCE.wrong, stake),
        ...same("committees", value.outcome.committees.map(({ length }) => length).join(" then "), "5 then 11"),
        ...same("stake of the liar", await stakeOf(tools, liar), before - stake),
      ],
    };
  });
  return { done };
}

/** Somebody submits proofs that prove nothing about this job, in the name of its own candidate. */
async function forgedProof(
  tools: FaultTools,
  [first, second]: readonly [PlannedJob, PlannedJob],
): Promise<FaultOutcome> {
  const { wallet, options, devnet, presenter } = tools;
  const honest = await runJob(first, { ...options, tWork: T_WORK.proof });
  const { hub } = devnet.deployment;
  const call = await submittedProof(wallet, hub, honest);
  const refused: string[] = [];
  const accepted: string[] = [];
  const { value, seconds } = await timed(async () =>
    runJob(second, {
      ...options,
      tWork: T_WORK.proof,
      beforeDelivery: async (candidates) => {
        const [target] = await wallet.listJobs({ limit: 1 });
        if (target === undefined) return;
        const { job } = await wallet.getJob({ jobId: target.jobId });
        const worker = devnet.workerOf(candidates[0] ?? 0).operator;
        const { proof } = call;
        const { evidence, outDigest } = proof;
        const flipped: Hex = `${evidence.slice(0, -2) as Hex}${evidence.endsWith("00") ? "01" : "00"}`;
        const forgeries: readonly (readonly [string, Hex, Hex])[] = [
          ["another job's proof", proof.worker, evidence],
          ["another job's proof in a candidate's name", worker, evidence],
          ["a proof with one byte changed", worker, flipped],
          ["no proof at all", worker, "0x"],
        ];
        const callOf = (who: Hex, bytes: Hex) =>
          ({
            address: hub,
            abi: assayHubAbi,
            functionName: "submitProofs",
            args: [job, NOTHING, call.table, [{ worker: who, outDigest, evidence: bytes }], "0x"],
            account: wallet.account,
          }) as const;
        for (const [what, who, bytes] of forgeries) {
          const isTaken = await simulateContract(wallet, callOf(who, bytes)).then(
            () => true,
            () => false,
          );
          (isTaken ? accepted : refused).push(what);
        }
        // One of them for real: its sender pays the gas, and nothing else moves.
        const sent = await options.queue(async () =>
          writeContract(wallet, { ...callOf(worker, evidence), chain: null, gas: 3_000_000n }),
        );
        const { status } = await wallet.waitForTransactionReceipt({ hash: sent });
        (status === "success" ? accepted : refused).push("a forged proof on the chain");
        presenter.job(second.index, "fault", `forged proofs: ${refused.length} refused, ${accepted.length} accepted`);
      },
    }),
  );
  return {
    fault: "forged proof",
    preset: "critical-proof",
    verdict: "every forgery reverts; an honest candidate proves, and is paid",
    money: `the forger's gas; ${moneyOf(value, 0)}`,
    seconds,
    problems: [
      ...rightAnswer(value),
      ...same("forgeries that were accepted", accepted.join(", "), ""),
      ...same("forgeries that were refused", refused.length, 5),
      ...same("slashes", value.slashes.length, 0),
      ...same("fee", value.outcome.fee.paid, value.outcome.fee.quoted),
    ],
  };
}

/** The answerer of a sampled job lies where the lottery always falls on it. */
async function auditedLie(tools: FaultTools, job: PlannedJob): Promise<FaultOutcome> {
  const { devnet, options, presenter } = tools;
  let liar = 0;
  let before = 0n;
  const { value, seconds } = await timed(async () =>
    runJob(job, {
      ...options,
      tWork: T_WORK.economy,
      policy: { auditBps: 10_000 },
      beforeDelivery: async (seats) => {
        liar = seats[0] ?? 0;
        before = await stakeOf(tools, liar);
        await devnet.setFault(devnet.workerOf(liar), "wrong-digest", false);
        presenter.job(job.index, "fault", `worker ${liar} answers alone, and will lie`);
      },
    }),
  );
  await devnet.setFault(devnet.workerOf(liar), "none");
  const stake = value.receipt.job.spec.policy.seatStake;
  return {
    fault: "lie of a sampled answer, audited",
    preset: "economy",
    verdict: "four auditors agree on another digest; the answerer loses S, half of it burned; the auditors are paid",
    money: moneyOf(value, liar),
    seconds,
    problems: [
      ...rightAnswer(value),
      ...lost(value, liar, OFFENCE.wrong, stake),
      ...same("who agreed", value.outcome.agreed.length, 4),
      ...same("stake of the liar", await stakeOf(tools, liar), before - stake),
    ],
  };
}

/** A seat of the first network stage dies before the input is released. */
async function deadSeat(tools: FaultTools, job: PlannedJob): Promise<FaultOutcome> {
  const { devnet, options, presenter } = tools;
  let victim = 0;
  const { value, seconds } = await timed(async () =>
    runJob(job, {
      ...options,
      tWork: T_WORK.split,
      beforeDelivery: async (seats) => {
        victim = seats[1] ?? 0;
        const { child } = devnet.workerOf(victim);
        child.kill("SIGKILL");
        await child.exited;
        presenter.job(job.index, "fault", `seat 1 of the first network stage, worker ${victim}, was killed`);
      },
    }),
  );
  const again = await devnet.restart(devnet.workerOf(victim).index);
  const { seatReward } = value.receipt.job.spec;
  return {
    fault: "dead worker of a split stage",
    preset: "general-split",
    verdict:
      "its stage's two other seats decide on the chain, later stages follow; who was absent loses 2R, half of it burned",
    money: moneyOf(value, victim),
    seconds,
    problems: [
      ...rightAnswer(value),
      ...lost(value, victim, OFFENCE.absent, 2n * seatReward),
      ...same("the victim runs again", again.child.running, true),
    ],
  };
}

const NOTHING = { seats: [], boundaries: [], tallies: [], decided: 0 } as const;

/** The call that ended an honestly proven job. */
async function submittedProof(wallet: AssayWallet, hub: Hex, { outcome }: RanJob) {
  const [event] = await getContractEvents(wallet, {
    address: hub,
    abi: assayHubAbi,
    eventName: "Proven",
    args: { jobId: outcome.jobId as Hex },
    fromBlock: 0n,
    strict: true,
  });
  const { input } = await wallet.getTransaction({ hash: event?.transactionHash ?? "0x" });
  const { functionName, args } = decodeFunctionData({ abi: assayHubAbi, data: input });
  if (functionName !== "submitProofs") throw new DemoError("PROOF_CALL_UNKNOWN", { functionName });
  const [, , stages, [proof]] = args;
  if (proof === undefined) throw new DemoError("PROOF_CALL_UNKNOWN", { functionName });
  return { table: stages, proof };
}

export function printFaults(outcomes: readonly FaultOutcome[]): string {
  const rows = outcomes.map(({ fault, preset, verdict, money, seconds, problems }) => [
    fault,
    preset,
    verdict,
    money,
    `${seconds.toFixed(1)} s`,
    problems.length === 0 ? "as documented" : "NOT as documented",
  ]);
  const head = ["fault", "preset", "what must follow", "money", "took", "what followed"];
  const problems = outcomes.flatMap(({ fault, problems: list }) => list.map((one) => `PROBLEM: ${fault}: ${one}`));
  return [table(head, rows), ...problems].join("\n");
}
