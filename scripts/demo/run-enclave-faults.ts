// SPDX-License-Identifier: GPL-3.0-or-later
// Workers whose enclave's machine the vendor revokes in the middle of a job. Enclaves are SIMULATED.
import { readFileSync } from "node:fs";
import type { Hex } from "viem";
import { getContractEvents } from "viem/actions";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { findEnclaves } from "../../offchain/sdk/find-enclaves.ts";
import type { InferenceProgress } from "../../offchain/sdk/actions/request-inference-sync.ts";
import { BLOCK_MS, enclaveOf } from "./devnet.ts";
import { rightAnswer, same, timed, type FaultOutcome, type FaultTools } from "./fault-checks.ts";
import { ledgerOf, onlyPaid } from "./ledger.ts";
import type { PlannedJob } from "./plan-jobs.ts";
import { createBystander, type Bystander, type RevokedKey } from "./revoke-machine.ts";
import { waitFor } from "./ruled.ts";
import { runJob, tokens, type RanJob } from "./run-job.ts";

/** What the registry says of a key that ended for a revoked certificate. */
const REVOKED = 1;
/** How the judge of critical results says that a key is not good now. */
const REFUSAL = "EnclaveExpired";
const SEEN_MS = 20_000;

/** Who answers is revoked between its promise and its opening: what it signed counts for a day more, so nobody loses by it. */
export async function revokedAnswerer(tools: FaultTools, job: PlannedJob): Promise<FaultOutcome> {
  const { devnet, wallet, presenter } = tools;
  const bystander = await createBystander(tools);
  const all = await bystander.keys();
  const before = await ledgerOf(tools);
  const proposed = async (jobId: Hex) => {
    const [event] = await getContractEvents(wallet, {
      address: devnet.deployment.hub,
      abi: assayHubAbi,
      eventName: "Proposed",
      args: { jobId },
      fromBlock: 0n,
      strict: true,
    });
    return event;
  };
  const { value, seconds, revoked, workerId } = await revokedOnce(tools, bystander, job, {
    policy: { auditBps: 0, window: 15 },
    // No block comes after its promise until the key has ended: so nobody opens before.
    victimOf: async ({ jobId }) => held(tools, async () => (await proposed(jobId))?.args.workerId),
  });
  const { seatReward } = value.receipt.job.spec;
  const at = await openedAt(tools, value.outcome.jobId as Hex);
  const promised = await proposed(value.outcome.jobId as Hex);
  presenter.job(job.index, "fault", `opened in block ${at}, its key had ended in block ${revoked.block}`);
  const refused = await refusedNow(tools, workerId);
  return {
    fault: "enclave revoked after its promise",
    preset: "fast-enclave",
    verdict:
      "its key ends, and of all keys only its own; what it signed counts for a day, so its promise is opened and paid and nobody is slashed; no client gives it another input",
    money: `worker ${workerId} +${tokens(seatReward)}; ${tokens(value.receipt.settlement[0]?.requester ?? 0n)} back to the requester`,
    seconds,
    problems: [
      ...rightAnswer(value),
      ...ended(revoked),
      ...same("promised before", (promised?.blockNumber ?? 0n) < revoked.block, true),
      ...same("opened after", at > revoked.block, true),
      ...same("who answered", value.outcome.agreed.join(), String(workerId)),
      ...same("why no new input", refused, "its registration ended, or ends before the job may"),
      ...(await othersLive(tools, bystander, all, workerId)),
      ...(await onlyPaid(tools, before, value, workerId)),
    ],
  };
}

/** Who proves is revoked while it does: no critical result rests on it, not even for a day. Another candidate's enclave proves. */
export async function revokedProver(tools: FaultTools, job: PlannedJob): Promise<FaultOutcome> {
  const { devnet, presenter } = tools;
  const bystander = await createBystander(tools);
  const all = await bystander.keys();
  const before = await ledgerOf(tools);
  const { value, seconds, revoked, workerId } = await revokedOnce(tools, bystander, job, {
    // One of Intel's is enough where one is asked for.
    policy: { k: 1 },
    victimOf: async ({ reached }) => reached[0],
    // Its host asks the hub before it sends: nobody else's proof ends the job before that.
    before: async ({ key }, victim, jobId) => {
      const { logFile } = devnet.workerOf(victim);
      await waitFor(() => refusalsOf(logFile, jobId, key).length > 0, SEEN_MS, tools.options.signal);
    },
  });
  const [prover = 0] = value.outcome.agreed;
  const refusals = refusalsOf(devnet.workerOf(workerId).logFile, value.outcome.jobId, revoked.key);
  presenter.job(job.index, "fault", `the hub refused what worker ${workerId} signed: ${refusals.join(", ")}`);
  const { seatReward } = value.receipt.job.spec;
  return {
    fault: "enclave revoked while it proves",
    preset: "critical-enclave",
    verdict:
      "the hub refuses its proof, for critical results know no day of grace; the client gives the part to another candidate's enclave, which is paid; the revoked one gets nothing and loses nothing",
    money: `worker ${prover} +${tokens(seatReward)}, worker ${workerId} nothing; ${tokens(value.receipt.settlement[0]?.requester ?? 0n)} back to the requester`,
    seconds,
    problems: [
      ...rightAnswer(value),
      ...ended(revoked),
      ...same("somebody else proved", prover !== 0 && prover !== workerId, true),
      ...same(
        "the hub refused the revoked one's proof",
        refusals.length > 0 && refusals.every((name) => name === REFUSAL),
        true,
      ),
      ...(await othersLive(tools, bystander, all, workerId)),
      ...(await onlyPaid(tools, before, value, prover)),
    ],
  };
}

interface Delivered {
  readonly jobId: Hex;
  readonly reached: readonly number[];
}

/** Runs a job of enclaves, of which the victim's machine is revoked once the input is inside. */
async function revokedOnce(
  tools: FaultTools,
  bystander: Bystander,
  job: PlannedJob,
  {
    policy,
    victimOf,
    before,
  }: {
    readonly policy: NonNullable<Parameters<typeof runJob>[1]["policy"]>;
    readonly victimOf: (delivered: Delivered) => Promise<number | undefined>;
    /** What must have happened before blocks come again. */
    readonly before?: (revoked: RevokedKey, workerId: number, jobId: Hex) => Promise<void>;
  },
): Promise<{ value: RanJob; seconds: number; revoked: RevokedKey; workerId: number }> {
  const { devnet, options, presenter } = tools;
  const { enclaves } = devnet;
  const revoking = Promise.withResolvers<{ revoked: RevokedKey; workerId: number }>();
  let jobId: Hex = "0x";
  const revoke = async (reached: readonly number[]) => {
    try {
      const workerId = (await victimOf({ jobId, reached })) ?? 0;
      const revoked = await bystander.revoke(devnet.workerOf(workerId));
      presenter.job(job.index, "fault", `the vendor revoked the machine of worker ${workerId}; anyone ended its key`);
      await before?.(revoked, workerId, jobId);
      return { revoked, workerId };
    } finally {
      await devnet.chain.mineEvery(BLOCK_MS);
    }
  };
  const onStage = (_: InferenceProgress["stage"], progress: InferenceProgress): void => {
    if (progress.stage === "requested") ({ jobId } = progress);
    if (progress.stage === "input delivered") revoke(progress.reached).then(revoking.resolve, revoking.reject);
  };
  const { value, seconds } = await timed(async () => {
    const running = runJob(job, { ...options, enclaves, tWork: 120, policy, onStage });
    // What went wrong with the revocation must not wait for the job's end.
    const [ran] = await Promise.all([running, revoking.promise]);
    return ran;
  });
  return { value, seconds, ...(await revoking.promise) };
}

/** Makes the blocks by hand, with a look after each, until it finds something: then there is none until somebody starts them again. */
async function held<T>({ devnet: { chain }, options }: FaultTools, look: () => Promise<T | undefined>) {
  let found: T | undefined;
  await chain.mineEvery(0);
  await waitFor(
    async () => {
      await chain.mine(1);
      found = await look();
      return found !== undefined;
    },
    SEEN_MS,
    options.signal,
  );
  return found;
}

async function openedAt({ wallet, devnet }: FaultTools, jobId: Hex): Promise<bigint> {
  const [opened] = await getContractEvents(wallet, {
    address: devnet.deployment.hub,
    abi: assayHubAbi,
    eventName: "Revealed",
    args: { jobId },
    fromBlock: 0n,
    strict: true,
  });
  return opened?.blockNumber ?? 0n;
}

const ended = ({ reason, brought }: RevokedKey): readonly string[] => [
  ...same("why the key ended", reason, REVOKED),
  ...same("what was brought", brought.join(), "submitCrl"),
];

/** Why a client seals nothing more to it. */
async function refusedNow({ wallet, devnet }: FaultTools, workerId: number): Promise<string | undefined> {
  const { operator } = devnet.workerOf(workerId);
  const model = devnet.models.get("tumor-mlp");
  const { refused } = await findEnclaves(wallet, {
    hub: devnet.deployment.hub,
    modelId: model?.modelId ?? "0x",
    workers: [operator],
    until: 0,
    trust: { allowSimulated: true },
  });
  return refused.get(operator.toLowerCase());
}

/** The revoked worker says itself that it has no enclave, and no other key is touched. */
async function othersLive(
  { devnet, options }: FaultTools,
  bystander: Bystander,
  all: Awaited<ReturnType<Bystander["keys"]>>,
  workerId: number,
): Promise<readonly string[]> {
  const knows = await waitFor(
    async () => (await enclaveOf(devnet.workerOf(workerId))) === null,
    SEEN_MS,
    options.signal,
  );
  const own = all.get(workerId);
  const told = linesOf(devnet.workerOf(workerId).logFile).find(({ evt, address }) => evt === "enclave.ended" && address === own?.key); // prettier-ignore
  const now = await bystander.keys();
  const others = [...all].filter(([id]) => id !== workerId);
  const lost = others.filter(([id, { key }]) => now.get(id)?.key !== key || !now.get(id)?.isLive).map(([id]) => id);
  return [
    ...same("the worker knows that its enclave ended", knows, true),
    ...same("what it logged", told?.reason, "revoked"),
    ...same("its key before", own?.isLive, true),
    ...same("other keys", others.length >= 2, true),
    ...same("other keys that ended too", lost.join(), ""),
  ];
}

interface LogLine {
  readonly evt: string;
  readonly job?: string;
  readonly step?: string;
  readonly address?: string;
  readonly reason?: string;
  readonly error?: { readonly meta?: { readonly name?: string; readonly args?: string } };
}

/** What a worker logged; its last line may not be whole yet. */
const linesOf = (logFile: string): readonly LogLine[] =>
  readFileSync(logFile, "utf8").split("\n").slice(0, -1).filter((line) => line.startsWith('{"level"')).map((line) => JSON.parse(line) as LogLine); // prettier-ignore

/** Names of the errors with which the hub refused what this key signed. */
const refusalsOf = (logFile: string, jobId: string, key: Hex): readonly string[] => {
  const refused = linesOf(logFile).filter(({ evt, job, step }) => evt === "seat.action-failed" && job === jobId && step === "submit"); // prettier-ignore
  const named = refused.filter(({ error }) => error?.meta?.args?.toLowerCase().includes(key.toLowerCase()));
  return [...new Set(named.flatMap(({ error }) => error?.meta?.name ?? []))];
};
