// SPDX-License-Identifier: MIT
import { decodeFunctionData, type ContractFunctionArgs, type Hex } from "viem";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import type { HubEvent } from "../adapters/chain/decode-events.ts";
import { fastCommittee, NO_EVIDENCE, submittedRecord } from "../core/build-receipt.ts";
import type { CommitteeEvidence, SeatEvidence } from "../core/receipt.ts";
import type { Record as JobRecord, StageVotes, Tally } from "../core/types.ts";

/** A job's hub events in chain order, and the calldata of the transactions that made them. */
export interface JobTrail {
  readonly events: readonly HubEvent[];
  /** By transaction hash. */
  readonly calldata: ReadonlyMap<Hex, Hex>;
}

type Call<N extends "submit" | "tally" | "commitMany"> = ContractFunctionArgs<typeof assayHubAbi, "nonpayable", N>;

const NOT_SUPPLIED = 255;

/** The record a job ended with; null where the trail does not say (it never got seats). */
export function finalRecord(trail: JobTrail): JobRecord | null {
  let record: JobRecord | null = null;
  let seats: readonly number[] = [];
  for (const event of trail.events) {
    if (event.eventName === "Pinned" && event.args.round === 0) seats = event.args.seats;
    if (event.eventName === "StageTallied" || event.eventName === "Challenged") record = event.args.record;
    // One undisputed call: the hub emits no record, the calldata says it all.
    if (event.eventName === "Finalized" && record === null) {
      const submit = decode(trail, event.transactionHash, "submit");
      if (submit !== null) record = submittedRecord(seats, submit[3]);
    }
  }
  return record ?? (seats.length > 0 ? { seats, boundaries: [], tallies: [], decided: 0 } : null);
}

/** The evidence behind each tally of the record, in its order. `signers`: signing address of each worker id. */
export function collectCommittees(
  trail: JobTrail,
  record: JobRecord,
  signers: ReadonlyMap<number, Hex>,
): readonly CommitteeEvidence[] {
  return record.tallies.map((tally) => {
    const names = tally.seats.map((seat) => signers.get(seat) ?? NO_EVIDENCE.signer);
    const fast = fastVotes(trail, tally);
    return fast === null ? slowCommittee(trail, tally, names) : fastCommittee(fast, names);
  });
}

/** Votes of the `submit` that counted this tally, or null if it was counted on the slow path. */
function fastVotes(trail: JobTrail, { stage, round }: Tally): StageVotes | null {
  const hash = countedIn(trail, stage, round) ?? endedIn(trail);
  const submit = hash === null ? null : decode(trail, hash, "submit");
  if (hash === null || submit === null) return null;
  const first = trail.events.find((event) => event.eventName === "StageTallied" && event.transactionHash === hash);
  const start = first?.eventName === "StageTallied" ? first.args.stage : submit[1].boundaries.length;
  return submit[3][stage - start] ?? null;
}

const countedIn = (trail: JobTrail, stage: number, round: number): Hex | null =>
  trail.events.find(
    (event) => event.eventName === "StageTallied" && event.args.stage === stage && event.args.round === round,
  )?.transactionHash ?? null;

const endedIn = (trail: JobTrail): Hex | null =>
  trail.events.find((event) => event.eventName === "Finalized")?.transactionHash ?? null;

function slowCommittee(trail: JobTrail, tally: Tally, names: readonly Hex[]): CommitteeEvidence {
  const { stage, round } = tally;
  const seats: SeatEvidence[] = names.map(() => NO_EVIDENCE);
  const merge = (seat: number, part: Partial<SeatEvidence>): void => {
    const old = seats[seat];
    if (old !== undefined) seats[seat] = { ...old, signer: names[seat] ?? old.signer, ...part };
  };
  for (const event of trail.events) {
    if (event.eventName === "Committed" && event.args.stage === stage && event.args.round === round)
      merge(event.args.seat, { commitment: event.args.commitment });
    if (event.eventName === "CommittedMany" && event.args.stage === stage && event.args.round === round)
      for (const commit of decode(trail, event.transactionHash, "commitMany")?.[2] ?? [])
        // Seats that had posted themselves were skipped by the hub.
        if ((event.args.seats >>> commit.seat) & 1)
          merge(commit.seat, { commitment: commit.commitment, commitR: commit.r, commitVs: commit.vs });
    if (event.eventName === "Revealed" && event.args.stage === stage && event.args.round === round) {
      const { outDigest, payload, salt } = event.args;
      merge(event.args.seat, { opened: true, outDigest, payload, salt });
    }
  }
  const hash = countedIn(trail, stage, round);
  const votes = hash === null ? undefined : decode(trail, hash, "tally")?.[3];
  for (const [seat, opening] of (votes?.seats ?? []).entries()) {
    const outDigest = votes?.outs[opening.which];
    const payload = votes?.payloads[opening.which];
    if (opening.which === NOT_SUPPLIED || outDigest === undefined || payload === undefined) continue;
    if (seats[seat]?.opened === false) merge(seat, { opened: true, outDigest, payload, salt: opening.salt });
  }
  return { fast: false, seats };
}

/** Arguments of a transaction if it called this function of the hub directly, else null. */
function decode<N extends "submit" | "tally" | "commitMany">(trail: JobTrail, hash: Hex, name: N): Call<N> | null {
  const data = trail.calldata.get(hash);
  if (data === undefined) return null;
  try {
    const call = decodeFunctionData({ abi: assayHubAbi, data });
    return call.functionName === name ? (call.args as unknown as Call<N>) : null;
  } catch {
    return null; // through another contract: the hub's events still stand
  }
}
