// SPDX-License-Identifier: MIT
import { fromHex, type Hex } from "./bytes.ts";
import { channelHashOf } from "./channel-hash.ts";
import { decodePlan, planHash } from "./planning/encode-plan.ts";
import { enclaveId } from "./schedule-order.ts";
import type { Word } from "./tagged-hash.ts";
import { ZERO_BYTES32 } from "./types.ts";

/** What an enclave signed of one stage of a program that it shares with others. */
export interface ScheduledResult {
  readonly chainId: bigint;
  /** Of enclaves. */
  readonly registry: Hex;
  readonly jobId: Hex;
  readonly stage: number;
  readonly key: Hex;
  /** As registered with the key. */
  readonly channelKey: Word;
  readonly channelHash: Hex;
  /** As it stands behind the signature; `0x` for none. */
  readonly handshake: Hex;
}

/**
 * Why a result does not follow from a plan: the plan gives the stage to another enclave, or its input did not come over the channel from
 * the enclave before; within a run and at the program's begin over none. Errors: PLAN_MALFORMED, LENGTH_WRONG, HEX_INVALID.
 */
export function scheduledFailure(result: ScheduledResult, plan: Uint8Array): string | undefined {
  const { chainId, registry, jobId, stage, key, channelKey, channelHash, handshake } = result;
  const { runs, ...planned } = decodePlan(plan);
  if (planned.jobId !== jobId) return "its plan is another job's";
  const at = runs.findIndex(({ first, last }) => stage >= first && stage <= last);
  const [run, before] = [runs[at], runs[at - 1]];
  if (run?.worker !== enclaveId(key)) return `its plan does not give the stage to ${key}`;
  if (before === undefined || stage > run.first)
    return channelHash === ZERO_BYTES32 && handshake === "0x" ? undefined : "a channel where nothing came over one";
  const purpose = {
    chainId,
    registry,
    jobId,
    fromStage: before.last,
    toStage: stage,
    initiatorKey: `0x${before.worker.slice(26)}` as const,
    responderKey: key,
    scheduleHash: planHash(plan),
  };
  return channelHashOf(purpose, channelKey, fromHex(handshake)) === channelHash
    ? undefined
    : "its input came over another channel than its plan's";
}
