// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCount } from "../core/batch.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { stageInDigest } from "../core/digest.ts";
import { isAssayError } from "../core/errors.ts";
import { finalWord, recordHash } from "../core/job.ts";
import { COURT_ROUND } from "../core/settle-types.ts";
import { KIND_PUBLIC, NO_PROBE, PROOF, ZERO_BYTES32, type Record as JobRecord, type StageInfo } from "../core/types.ts";
import { isReserved, say } from "../core/vote.ts";
import { decodeKeyRecord, KEY_CEREMONY } from "../core/zk/key-record.ts";
import { wasOutvoted, type Standing } from "./job-pokes.ts";
import type { CourtRuling, Hex, JobCall, SlotView } from "./ports.ts";
import { STATE, type SeatState, type Vote } from "./seat-machine.ts";
import type { SessionState } from "./session-state.ts";
import type { StageWork } from "./stage-work.ts";

const LOCAL_CHAIN = 31_337n;
/** Outvoted seats of one stage wait for each other, so that one proof is made; milliseconds a seat. */
const STEP_MS = 4_000;

/**
 * The court, for a seat that was outvoted or whose stage hangs: a proof of its own answer beats any committee, needs no bond, and earns
 * the prover's fee. Whoever cannot prove, or whose proof fails, challenges as ever. A proof that the window did not wait for is brought to
 * the late court: the wrong result stands, but whoever sold it pays.
 */
export class SeatCourt {
  readonly #state: SessionState;
  readonly #work: Inputs;
  #since: number | null = null;
  #isGivenUp = false;

  constructor(state: SessionState, work: Inputs) {
    this.#state = state;
    this.#work = work;
  }

  /** Whether this worker takes its stage to court rather than challenge. */
  wants(slot: SlotView, standing: Standing): boolean {
    const { modules, record, job } = this.#state;
    const { prover, behaviour, clock } = modules;
    const { stage } = standing;
    const isOpenTo =
      slot.state === STATE.WINDOW ||
      ((slot.state === STATE.HUNG || (slot.state === STATE.OPEN && slot.round > 0)) && slot.stage === stage);
    const isDecided = ((record.decided >>> stage) & 1) === 1;
    if (!isOpenTo || isDecided || this.#isGivenUp || !behaviour().mayChallenge) return false;
    // A proof is of one tensor, the digest of a batch of many: only a larger committee can help.
    if (batchCount(job.spec.policy.flags) > 0) return false;
    // Of a SALTED output a proof chooses the salt: the hub lets it overrule nobody.
    if (modules.models.table(job.spec.modelId)?.[stage]?.outKind !== KIND_PUBLIC) return false;
    if (!wasOutvoted(job, record, slot, standing) || prover?.mayJudge(job.spec.modelId, stage) !== true) return false;
    this.#since ??= clock.monotonicMs();
    return true;
  }

  /** Milliseconds until it is this seat's turn. */
  waitMs(seat: SeatState): number {
    return Math.max(0, (this.#since ?? 0) + STEP_MS * seat.own - this.#state.modules.clock.monotonicMs());
  }

  /** Proves the own answer and brings it before the hub. Errors: RPC_UNAVAILABLE, TRANSACTION_*. */
  async bring(seat: Voter, vote: Vote, call: JobCall): Promise<void> {
    const { logger, checkpoint } = this.#state.modules;
    const { table } = this.#state;
    try {
      const ruling = table === null ? null : await this.#ruling(seat, vote, call.record, table);
      if (ruling === null || table === null) {
        this.#isGivenUp = true;
        return;
      }
      const hearing = { table, stage: seat.stage, ruling };
      checkpoint("court-sending");
      if (!(await this.#bringInTime(call, hearing)) && !(await this.#bringLate(hearing))) return;
      logger.info("court.ruled", { stage: seat.stage, round: COURT_ROUND, digest: vote.outDigest });
    } catch (error) {
      if (!isAssayError(error) || error.retry === "later") throw error;
      // What this worker cannot prove, a larger committee must decide.
      this.#isGivenUp = true;
      logger.warn("court.failed", { stage: seat.stage, error, code: error.code });
    }
  }

  /** False if the job became FINAL before its proof was there. */
  async #bringInTime(call: JobCall, hearing: Hearing): Promise<boolean> {
    const { chain } = this.#state.modules;
    if (this.#state.slot?.state === STATE.FINAL) return false;
    try {
      await chain.court({ ...call, ...hearing });
      return true;
    } catch (error) {
      await this.#state.refresh();
      if (this.#state.slot?.state !== STATE.FINAL) throw error;
      return false;
    }
  }

  /** False if there is nobody to convict. */
  async #bringLate(hearing: Hearing): Promise<boolean> {
    const { jobId, job, record, slot, modules } = this.#state;
    const result = record.boundaries.at(-1);
    // Another's proof came in time, or the events read so far are not the job's whole course.
    if (result === undefined || record.boundaries[hearing.stage] === hearing.ruling.outDigest) return false;
    if (finalWord(result, recordHash(record)) !== slot?.word) return false;
    await modules.chain.lateCourt({ jobId, job, record, ...hearing });
    return true;
  }

  async #ruling(seat: Voter, vote: Vote, record: JobRecord, table: readonly StageInfo[]): Promise<CourtRuling | null> {
    const { modules, jobId, job, slot } = this.#state;
    const { chain, keys, prover, clock, signal } = modules;
    const { stage } = seat;
    const info = table[stage];
    if (info === undefined || prover === null || !(await this.#isAdmitted(info.keyId))) return null;
    const inDigest = stageInDigest(table, stage, job.spec.inDigest, record.boundaries);
    const materials = this.#work.materials(jobId, info, table);
    const opened = info.probe === NO_PROBE ? NO_PAIRS : pairsFor(seat, record);
    if (materials === null || opened === null || this.#work.inputDigest(jobId, info, table) !== inDigest) return null;
    const worker = keys.operator.address;
    const lateSec = await chain.lateCourtSec(job.spec.paramsVersion);
    const evidence = await prover.prove({
      modelId: job.spec.modelId,
      stage,
      claim: { jobId, stage, inDigest, outDigest: vote.outDigest, worker },
      domain: chain.domainSeparator,
      ...materials,
      // Past the window the late court still hears it.
      deadlineMs: clock.nowMs() + ((slot?.deadline ?? 0) + lateSec - chain.now()) * 1_000,
      signal,
    });
    return { kind: PROOF, prover: worker, outDigest: vote.outDigest, ...opened, evidence: toHex(evidence) };
  }

  /** The court takes ceremony keys; on the local chain any. */
  async #isAdmitted(keyId: Hex): Promise<boolean> {
    const { chain } = this.#state.modules;
    const record = keyId === ZERO_BYTES32 ? null : await chain.key(keyId);
    if (record === null) return false;
    return chain.chainId === LOCAL_CHAIN || decodeKeyRecord(fromHex(record)).cls === KEY_CEREMONY;
  }
}

/** What a proof is made of. */
type Inputs = Pick<StageWork, "materials" | "inputDigest">;
type Voter = Pick<SeatState, "stage" | "round" | "vote" | "openings">;
/** What a court is shown, beside the job and its record. */
type Hearing = { readonly table: readonly StageInfo[]; readonly stage: number; readonly ruling: CourtRuling };

const NO_PAIRS = { outs: [], payloads: [] };

/** Pairs behind all words that were said in the stage, ascending by word; null if this seat does not know one of them. */
export function pairsFor(
  seat: Pick<SeatState, "stage" | "vote" | "openings">,
  { tallies }: JobRecord,
): { readonly outs: readonly Hex[]; readonly payloads: readonly Hex[] } | null {
  const known = [seat.vote, ...seat.openings].flatMap((vote) => (vote === null ? [] : [vote]));
  const said = tallies.flatMap((tally) =>
    tally.stage === seat.stage && tally.round !== COURT_ROUND ? tally.said : [],
  );
  const words = [...new Set(said.filter((word) => !isReserved(word)))].toSorted((a, b) => (a < b ? -1 : 1));
  const pairs = words.map((word) => known.find(({ outDigest, payload }) => say(outDigest, payload, true) === word));
  const found = pairs.flatMap((pair) => (pair === undefined ? [] : [pair]));
  if (found.length !== words.length) return null;
  return { outs: found.map(({ outDigest }) => outDigest), payloads: found.map(({ payload }) => payload) };
}
