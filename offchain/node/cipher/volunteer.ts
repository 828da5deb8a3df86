// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as sleep } from "node:timers/promises";
import { PinoLogger } from "../../adapters/observe/pino-logger.ts";
import { PromMetrics } from "../../adapters/observe/prom-metrics.ts";
import { systemClock } from "../../adapters/observe/system-clock.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import type { Journal } from "../../core/ports/journal.ts";
import type { KeyRing } from "../../core/ports/keys.ts";
import type { Logger } from "../../core/ports/logger.ts";
import { CIPHER, type Job, type StageInfo } from "../../core/types.ts";
import { isReserved } from "../../core/vote.ts";
import { DisputeDesk } from "../../protocol/dispute-desk.ts";
import { standing } from "../../protocol/dispute-machine.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import type { Hex } from "../../protocol/ports.ts";
import type { DisputeView, RefereePort } from "../../protocol/referee-ports.ts";
import { STATE } from "../../protocol/seat-machine.ts";
import { NodeError } from "../errors.ts";
import { openTrace } from "../kept-traces.ts";
import { createRefereePort } from "../referee-port.ts";
import { openJournal } from "../open-journal.ts";
import type { NodeConfig } from "../settings.ts";
import { bondLimitOf } from "./bond-limit.ts";
import { evaluateStage, type StageEvaluation, type StageFiles } from "./evaluate-stage.ts";

export interface VolunteerQuery {
  readonly jobId: Hex;
  readonly stage: number;
  readonly files: StageFiles;
  readonly onStep: (step: string) => void;
  readonly signal: AbortSignal;
}

/** What a volunteer found out about a stage. */
export interface StageFinding {
  readonly jobId: Hex;
  readonly stage: number;
  /** Of its own evaluation. */
  readonly outDigest: Hex;
  /** What the hub accepted; null where the stage hangs, or is not to be disputed any more. */
  readonly accepted: Hex | null;
  /** Digests that seats said, and how many said each. */
  readonly said: Readonly<Record<Hex, number>>;
  /** Digests that somebody stands for. */
  readonly defended: readonly Hex[];
}

interface Counted {
  readonly job: Job;
  readonly view: DisputeView;
  readonly evaluation: StageEvaluation;
}

const LOOK_MS = 2_000;

/** Waits until the stage was counted, then evaluates it. Null: the job ended, or the signal came, before. */
async function evaluate(referee: RefereePort, query: VolunteerQuery, waits: boolean): Promise<Counted | null> {
  const { jobId, stage, files, onStep, signal } = query;
  const job = await referee.job(jobId);
  if (job === null) throw new ProtocolError("JOB_UNKNOWN", { job: jobId });
  if ((job.spec.policy.mask & CIPHER) === 0) throw new NodeError("NOT_CIPHERED", { job: jobId });
  const table = await referee.stageTable(job.spec.modelId);
  const view = await counted(referee, { jobId, job, table, stage }, { waits, onStep, signal });
  const kernel = table[stage]?.kernel;
  if (view === null || view.inDigest === null || kernel === undefined) return null;
  onStep("evaluating the stage");
  const { inDigest } = view;
  const named = { stage, kernel, inDigest, keySetRoot: job.spec.inputRef };
  return { job, view, evaluation: await evaluateStage(files, named) };
}

async function counted(
  referee: RefereePort,
  at: { readonly jobId: Hex; readonly job: Job; readonly table: readonly StageInfo[]; readonly stage: number },
  { waits, onStep, signal }: { readonly waits: boolean } & Pick<VolunteerQuery, "onStep" | "signal">,
): Promise<DisputeView | null> {
  for (;;) {
    const view = await referee.view(at.jobId, at.job, at.table, at.stage);
    if (view !== null && (view.inDigest !== null || view.slot.state >= STATE.FINAL)) return view;
    if (!waits || signal.aborted) return null;
    onStep("waiting for the seats' votes");
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** What is right, by an evaluation of one's own, beside what the chain says; null as long as nothing was counted. Signs nothing. */
export async function watchStage(
  chain: Chain,
  config: NodeConfig,
  query: VolunteerQuery,
): Promise<StageFinding | null> {
  const found = await evaluate(portOf(chain, config), query, false);
  if (found === null) return null;
  await found.evaluation.seat.close();
  return findingOf(query, found);
}

function findingOf({ jobId, stage }: VolunteerQuery, { view, evaluation }: Counted): StageFinding {
  const said: Record<Hex, number> = {};
  for (const tally of view.record.tallies)
    for (const word of tally.stage === stage ? tally.said : [])
      if (!isReserved(word)) said[word] = (said[word] ?? 0) + 1;
  const defended = view.defences.flatMap((one) => (one.defeated ? [] : [one.outDigest]));
  const accepted = standing(view, stage) ?? null;
  return { jobId, stage, outDigest: evaluation.outDigest, accepted, said, defended: [...new Set(defended)] };
}

/**
 * Stands for the own evaluation of a stage as long as anybody else says otherwise, contests every other, brings the verdict and collects
 * the bonds: until the job is over, or the signal. Killed at any moment, it goes on when it is run again. Null: the job ended before.
 * Errors: those of `evaluateStage`, JOB_UNKNOWN, NOT_CIPHERED, RPC_UNAVAILABLE, and those of the journal.
 */
export async function defendStage(
  chain: Chain,
  keys: Pick<KeyRing, "columnCipher" | "operator">,
  config: NodeConfig,
  query: VolunteerQuery,
): Promise<StageFinding | null> {
  const journal = openJournal(config, keys);
  try {
    return await play(chain, config, { ...query, journal });
  } finally {
    journal.close();
  }
}

async function play(
  chain: Chain,
  config: NodeConfig,
  query: VolunteerQuery & { readonly journal: Journal },
): Promise<StageFinding | null> {
  const { jobId, stage, onStep, signal, journal } = query;
  const referee = portOf(chain, config);
  const found = await evaluate(referee, query, true);
  if (found === null) return null;
  const { evaluation, job } = found;
  const { seat, work, outDigest } = evaluation;
  const desk = new DisputeDesk(
    { bondLimit: bondLimitOf(config), tickMs: config.chain.pollMs, settleSec: 24 * config.chain.confirmations },
    {
      referee,
      traces: { open: async ({ inDigest }) => (inDigest === work.inDigest ? openTrace(seat, work) : null) },
      journal,
      clock: systemClock,
      logger: loggerOf(config),
      metrics: new PromMetrics(),
      signal,
      checkpoint: () => undefined,
    },
  );
  try {
    desk.restore();
    desk.stand(jobId, job, stage, outDigest);
    onStep(`standing for ${outDigest}`);
    // A worker's other disputes, if it is one's own that waits, are only looked at: their inputs are the worker's.
    const isOpen = () => desk.disputes.some(({ state }) => state.jobId === jobId && state.stage === stage);
    while (isOpen() && !signal.aborted) {
      await desk.tick();
      await sleep(config.chain.pollMs, undefined, { signal }).catch(() => undefined);
    }
    await desk.idle();
    return findingOf(query, found);
  } finally {
    await desk.close();
    await seat.close();
  }
}

function portOf(chain: Chain, { chain: { fromBlock, maxRange, confirmations } }: NodeConfig): RefereePort {
  return createRefereePort(chain, { fromBlock: BigInt(fromBlock), maxRange, confirmations });
}

function loggerOf({ log: { level, format, file } }: NodeConfig): Logger {
  return PinoLogger.create({ level, format, ...(file === "" ? {} : { file }) });
}
