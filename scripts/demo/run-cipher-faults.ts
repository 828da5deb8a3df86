// SPDX-License-Identifier: GPL-3.0-or-later
// Liars over ciphertexts: one that is outvoted, and a stage that is captured but for one seat.
import type { Hex } from "viem";
import { getContractEvents, readContract } from "viem/actions";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { askEncrypted } from "./ask-encrypted.ts";
import { DemoError } from "./errors.ts";
import {
  lost,
  OFFENCE,
  rightAnswer,
  same,
  stakeOf,
  timed,
  type FaultOutcome,
  type FaultTools,
} from "./fault-checks.ts";
import type { PlannedJob } from "./plan-jobs.ts";
import { waitFor } from "./ruled.ts";
import { runJob, tokens } from "./run-job.ts";

/** Of five a stage no eleven fresh ones would be left here to outvote a lie, and a stage with one would hang. */
const SEATS = 3;
/** Longer ones, or longer windows, do not fit a development job's half hour. */
const T_WORK = 60;
/** Seconds in which who knows better stands up: a trace is made in one or two, if the machine has nothing else to do. */
const WINDOW = 40;
const BOND_BACK_MS = 60_000;

/** A seat of the first stage flips one bit of one coefficient of what it evaluated, and votes for that. */
export async function flippedCoefficient(tools: FaultTools, job: PlannedJob): Promise<FaultOutcome> {
  const { devnet, options, presenter } = tools;
  let liar = 0;
  let before = 0n;
  const { value, seconds } = await timed(async () =>
    runJob(job, {
      ...options,
      tWork: T_WORK,
      policy: { k: SEATS },
      beforeDelivery: async (seats) => {
        liar = seats[2] ?? 0;
        before = await stakeOf(tools, liar);
        await devnet.setFault(devnet.workerOf(liar), "flip-coefficient", false);
        presenter.job(job.index, "fault", `seat 2 of stage 0, worker ${liar}, will flip one coefficient`);
      },
    }),
  );
  await devnet.setFault(devnet.workerOf(liar), "none");
  const { seatStake } = value.receipt.job.spec.policy;
  const { seatReward } = value.receipt.job.spec;
  const paid = value.receipt.settlement[0];
  const wanted = Array.from({ length: 2 * SEATS }, (_, seat) => (seat === 2 ? 0n : seatReward));
  return {
    fault: "one coefficient of a ciphertext flipped",
    preset: "critical-cipher",
    verdict:
      "the two others agree and the next stage goes on from theirs; the liar loses S, half of it burned, and its reward",
    money: `worker ${liar} -${tokens(seatStake)}, ${tokens(seatStake / 2n)} burned; five seats +${tokens(seatReward)} each; ${tokens(paid?.requester ?? 0n)} back to the requester`,
    seconds,
    problems: [
      ...rightAnswer(value),
      ...lost(value, liar, OFFENCE.wrong, seatStake),
      ...same("who dissented", value.outcome.dissented.join(), String(liar)),
      ...same("who agreed", value.outcome.agreed.length, 2 * SEATS - 1),
      ...same("rewards", paid?.seats.join(), wanted.join()),
      ...same("burned by the settlement", paid?.burn, seatStake / 2n),
      ...same("stake of the liar", await stakeOf(tools, liar), before - seatStake),
    ],
  };
}

/** Two of three seats of the last stage flip the same coefficient, so that a quorum stands for a lie; the third plays before the referee. */
export async function capturedStage(tools: FaultTools, job: PlannedJob): Promise<FaultOutcome> {
  const { devnet, wallet, options, presenter } = tools;
  const { cipher, index } = job;
  if (cipher === undefined) throw new DemoError("MODEL_MISSING", { path: job.model });
  let [liars, honest]: [readonly number[], number] = [[], 0];
  let before: Balances | undefined;
  const fromBlock = await wallet.getBlockNumber();
  const { value, seconds } = await timed(async () =>
    askEncrypted(cipher, options, {
      policy: { k: SEATS, tWork: T_WORK, window: WINDOW },
      signal: options.signal,
      send: options.queue,
      pollMs: 250,
      onProgress: ({ stage }) => presenter.job(index, stage, ""),
      beforeDelivery: async (seats) => {
        liars = seats.slice(SEATS, 2 * SEATS - 1);
        honest = seats[2 * SEATS - 1] ?? 0;
        before = await balancesOf(tools, liars, honest);
        for (const id of liars) await devnet.setFault(devnet.workerOf(id), "flip-coefficient", false);
        presenter.job(index, "fault", `all seats of stage 1 but worker ${honest} will flip the same coefficient`);
      },
    }),
  );
  for (const id of liars) await devnet.setFault(devnet.workerOf(id), "none");
  const { jobId, view } = value.done;
  const { seatReward, policy } = view.job.spec;
  const { seatStake } = policy;
  // Its bond it fetches by itself when the job is over.
  await waitFor(
    async () => (await balancesOf(tools, liars, honest)).tokens === before?.tokens,
    BOND_BACK_MS,
    options.signal,
  );
  const after = await balancesOf(tools, liars, honest);
  const at = { address: devnet.deployment.hub, abi: assayHubAbi, fromBlock, strict: true } as const;
  const [ruling] = await getContractEvents(wallet, { ...at, eventName: "CourtRuled", args: { jobId } });
  const operator = devnet.workerOf(honest).operator;
  const pokes = (await getContractEvents(wallet, { ...at, eventName: "PokePaid" }))
    .filter(({ args }) => args.to.toLowerCase() === operator.toLowerCase())
    .reduce((sum, { args }) => sum + args.amount, 0n);
  const slashed = view.slashes.map(({ workerId, offence, amount, burned }) => [workerId, offence, amount, burned]);
  const wanted = liars.map((id) => [id, OFFENCE.wrong, seatStake, seatStake / 2n]);
  // 2k + 1 rewards for the verdict, which the losers pay.
  const verdict = BigInt(2 * policy.k + 1) * seatReward;
  return {
    fault: "two of three seats flip one coefficient",
    preset: "critical-cipher",
    verdict:
      "the third stands for what is right before the referee and nobody can stand against it; the two lose S, half of it burned; it has its reward and 2k + 1 for the verdict, and its bond back",
    money: `workers ${liars.join(", ")} -${tokens(seatStake)} each, half of it burned; worker ${honest} +${tokens(seatReward + verdict)}`,
    seconds,
    problems: [
      ...same("answer", value.labels.join(), cipher.labels.join()),
      ...same("decrypted within the tolerance", value.isWithin, true),
      ...same("whose verdict", ruling?.args.prover.toLowerCase(), operator.toLowerCase()),
      ...same("ruled for", ruling?.args.outDigest, view.outDigest ?? undefined),
      ...same("slashed", sorted(slashed), sorted(wanted)),
      ...same(
        "stakes of the liars",
        after.stakes.join(),
        before?.stakes.map((stake) => stake - seatStake).join() ?? "",
      ),
      ...same("earned by the honest seat", after.earned - (before?.earned ?? 0n), seatReward),
      ...same("paid for the verdict", after.free - (before?.free ?? 0n) - pokes, verdict),
      ...same("its tokens, with its bond", after.tokens, before?.tokens ?? 0n),
    ],
  };
}

interface Balances {
  readonly stakes: readonly bigint[];
  /** Of the honest seat: rewards, free in the hub, and in its account. */
  readonly earned: bigint;
  readonly free: bigint;
  readonly tokens: bigint;
}

async function balancesOf(tools: FaultTools, liars: readonly number[], honest: number): Promise<Balances> {
  const { devnet, wallet } = tools;
  const { hub, token } = devnet.deployment;
  const operator: Hex = devnet.workerOf(honest).operator;
  const [stakes, { earned }, free, held] = await Promise.all([
    Promise.all(liars.map(async (id) => stakeOf(tools, id))),
    readContract(wallet, { address: hub, abi: assayHubAbi, functionName: "account", args: [honest] }),
    readContract(wallet, { address: hub, abi: assayHubAbi, functionName: "balanceOf", args: [operator] }),
    readContract(wallet, { address: token, abi: devTokenAbi, functionName: "balanceOf", args: [operator] }),
  ]);
  return { stakes, earned, free, tokens: held };
}

const sorted = (rows: readonly (readonly unknown[])[]): string =>
  rows
    .map((row) => row.join(" "))
    .toSorted()
    .join(", ");
