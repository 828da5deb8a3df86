// SPDX-License-Identifier: MIT
import type { Hex } from "viem";
import { fastCommittee, fastSketches, NO_COMMITTEE, NO_EVIDENCE, submittedRecord } from "../core/build-receipt.ts";
import type { CommitteeEvidence, SeatEvidence } from "../core/receipt.ts";
import {
  REASON_EXPIRED,
  SAID_ABSENT,
  SAID_UNREVEALED,
  ZERO_ADDRESS,
  type Record as JobRecord,
  type StageVotes,
  type Tally,
} from "../core/types.ts";
import { decideVote } from "../core/vote.ts";
import { provenRecord, provenTallies } from "./collect-proofs.ts";
import { decodeCall, endIndexOf, type JobTrail } from "./job-trail.ts";

const NOT_SUPPLIED = 255;
/** Offence of a seat that posted nothing. */
const ABSENT = 3;
const NO_CHALLENGE = { challenger: ZERO_ADDRESS, bond: 0n } as const;

/** The record a job ended with; null where the trail does not say (it never got seats). `k`: seats of a stage. */
export function finalRecord(trail: JobTrail, k: number): JobRecord | null {
  let record: JobRecord | null = null;
  let seats: readonly number[] = [];
  for (const event of trail.events) {
    if (event.eventName === "Pinned" && event.args.round === 0) seats = event.args.seats;
    if (
      event.eventName === "StageTallied" ||
      event.eventName === "Challenged" ||
      event.eventName === "CourtRuled" ||
      event.eventName === "Proposed" ||
      event.eventName === "AuditDrawn" ||
      event.eventName === "Promoted"
    )
      record = event.args.record;
    // One undisputed call: the hub emits no record, the calldata says it all.
    if (event.eventName === "Finalized" && record === null) {
      const submit = decodeCall(trail, event.transactionHash, "submit");
      if (submit !== null) record = submittedRecord(seats, submit[3]);
    }
  }
  // The call that proves the last stage may end the job, and then emits no record either.
  record = provenRecord(trail, seats) ?? record;
  record ??= seats.length > 0 ? { seats, boundaries: [], tallies: [], decided: 0 } : null;
  const end = trail.events[endIndexOf(trail)];
  if (record === null || end?.eventName !== "Closed") return record;
  const expire = decodeCall(trail, end.transactionHash, "expire");
  if (expire === null) return record;
  if (wasProposed(trail)) return silentRecord(record, end.args.reason);
  // A job that nobody pinned before supplies an empty record: its seats are in this call's `Pinned`.
  return expiredRecord(trail, expire[1].seats.length > 0 ? expire[1] : record, end.transactionHash, k);
}

/** The primary was bound, and neither opened nor audited. */
const wasProposed = (trail: JobTrail): boolean =>
  trail.events.findLast(
    ({ eventName }) => eventName === "Proposed" || eventName === "AuditDrawn" || eventName === "StageTallied",
  )?.eventName === "Proposed";

/** What `expire` makes of a proposal that nobody opened; without its seed nobody could have, and it leaves no trace. */
function silentRecord(record: JobRecord, reason: number): JobRecord {
  const [proposal] = record.tallies;
  if (proposal === undefined || reason !== REASON_EXPIRED) return { ...record, seats: [], tallies: [] };
  return { ...record, tallies: [{ ...proposal, said: [SAID_UNREVEALED] }] };
}

/**
 * What `expire` makes of the record it is given; it emits none. A committee that came too small is entered, as the slashes of its
 * absent seats show (below a quorum somebody always is absent); one that is left without a verdict loses its seats.
 */
function expiredRecord(trail: JobTrail, given: JobRecord, hash: Hex, k: number): JobRecord {
  const absent = new Set(
    trail.events.flatMap((event) =>
      event.eventName === "Slashed" && event.transactionHash === hash && event.args.offence === ABSENT
        ? [event.args.workerId]
        : [],
    ),
  );
  const last = given.tallies.at(-1);
  const accepted = last !== undefined && decideVote(last.said, last.stage, last.round).accepted !== undefined;
  if (last === undefined || accepted || standbysAt(trail).has(given.tallies.length - 1)) {
    // A first committee, of the stage after those with a verdict.
    const stage = given.boundaries.length;
    const seats = given.seats.slice(stage * k, (stage + 1) * k);
    if (!seats.some((worker) => absent.has(worker))) return given;
    const said = missed(trail, stage, 0, seats.length);
    return { ...given, tallies: [...given.tallies, { ...NO_CHALLENGE, stage, round: 0, seats, said }] };
  }
  const { stage, round } = last;
  const boundaries = given.boundaries.slice(0, stage);
  if (round === 0 || last.said.length > 0) return { ...given, boundaries }; // HUNG
  const pinned = trail.events.findLast(
    (event) => event.eventName === "Pinned" && event.args.stage === stage && event.args.round === round,
  );
  const seats = pinned?.eventName === "Pinned" ? pinned.args.seats : last.seats;
  const counted = seats.some((worker) => absent.has(worker));
  const tally = counted ? { ...last, seats, said: missed(trail, stage, round, seats.length) } : { ...last, seats: [] };
  return { ...given, boundaries, tallies: [...given.tallies.slice(0, -1), tally] };
}

/** Indexes of the tallies of seats that were filled again. */
const standbysAt = ({ events }: JobTrail): ReadonlySet<number> =>
  new Set(events.flatMap((event) => (event.eventName === "Promoted" ? [event.args.record.tallies.length - 1] : [])));

/** The words of a committee that was never counted: UNREVEALED for who committed. */
function missed(trail: JobTrail, stage: number, round: number, size: number): readonly Hex[] {
  // An audit's seat 0 is bound by its proposal.
  const isAudit = stage === 0 && round === 0 && trail.events.some(({ eventName }) => eventName === "AuditDrawn");
  let committed = isAudit ? 1 : 0;
  for (const event of trail.events) {
    if (event.eventName !== "Committed" && event.eventName !== "CommittedMany") continue;
    if (event.args.stage !== stage || event.args.round !== round) continue;
    committed |= event.eventName === "Committed" ? 1 << event.args.seat : event.args.seats;
  }
  return Array.from({ length: size }, (_, seat) => ((committed >>> seat) & 1 ? SAID_UNREVEALED : SAID_ABSENT));
}

/** The evidence behind each tally of the record, in its order. `signers`: signing address of each worker id. */
export function collectCommittees(
  trail: JobTrail,
  record: JobRecord,
  signers: ReadonlyMap<number, Hex>,
): readonly CommitteeEvidence[] {
  const proven = new Set(provenTallies(trail, record));
  const standbys = standbysAt(trail);
  return record.tallies.map((tally, at) => {
    if (proven.has(at)) return NO_COMMITTEE;
    if (standbys.has(at)) return { fast: false, seats: tally.seats.map(() => NO_EVIDENCE) };
    const names = tally.seats.map((seat) => signers.get(seat) ?? NO_EVIDENCE.signer);
    const sketches = callOf(trail, tally, "submitSketches");
    if (sketches !== null) return fastSketches(sketches[3], names);
    const fast = fastVotes(trail, tally);
    return fast === null ? slowCommittee(trail, tally, names) : fastCommittee(fast, names);
  });
}

/** Of stages that enclaves signed: what each says, in its worker's name. */
export const signedCommittees = (
  { tallies }: JobRecord,
  signers: ReadonlyMap<number, Hex>,
): readonly CommitteeEvidence[] =>
  tallies.map(({ seats, said }) => ({
    fast: true,
    seats: seats.map((id, i) => ({
      ...NO_EVIDENCE,
      signer: signers.get(id) ?? NO_EVIDENCE.signer,
      opened: true,
      outDigest: said[i] ?? NO_EVIDENCE.outDigest,
    })),
  }));

/** Votes of the `submit` that counted this tally, or null if it was counted on the slow path. */
function fastVotes(trail: JobTrail, { stage, round }: Tally): StageVotes | null {
  const hash = countedIn(trail, stage, round) ?? endedIn(trail);
  const submit = hash === null ? null : decodeCall(trail, hash, "submit");
  if (hash === null || submit === null) return null;
  const first = trail.events.find((event) => event.eventName === "StageTallied" && event.transactionHash === hash);
  const start = first?.eventName === "StageTallied" ? first.args.stage : submit[1].boundaries.length;
  return submit[3][stage - start] ?? null;
}

/** Arguments of the call that counted this committee alone, if it was this one. */
function callOf<N extends "submitSketches" | "tallySketches">(trail: JobTrail, { stage, round }: Tally, name: N) {
  const hash = countedIn(trail, stage, round);
  return hash === null ? null : decodeCall(trail, hash, name);
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
    if (event.eventName === "Proposed" && stage === 0 && round === 0) merge(0, { commitment: event.args.commitment });
    if (event.eventName === "Committed" && event.args.stage === stage && event.args.round === round)
      merge(event.args.seat, { commitment: event.args.commitment });
    if (event.eventName === "CommittedMany" && event.args.stage === stage && event.args.round === round)
      for (const commit of decodeCall(trail, event.transactionHash, "commitMany")?.[2] ?? [])
        // Seats that had posted themselves were skipped by the hub.
        if ((event.args.seats >>> commit.seat) & 1)
          merge(commit.seat, { commitment: commit.commitment, commitR: commit.r, commitVs: commit.vs });
    if (event.eventName === "Revealed" && event.args.stage === stage && event.args.round === round) {
      const { outDigest, payload, salt } = event.args;
      merge(event.args.seat, { opened: true, outDigest, payload, salt });
    }
  }
  for (const event of trail.events) {
    if (event.eventName !== "SketchRevealed" || event.args.stage !== stage || event.args.round !== round) continue;
    const { seat, outDigest, a: payload, b: extra, salt } = event.args;
    merge(seat, { opened: true, outDigest, payload, extra, salt });
  }
  const sketches = callOf(trail, tally, "tallySketches")?.[3];
  for (const [seat, { which, salt }] of (sketches?.seats ?? []).entries()) {
    const [outDigest, payload, extra] = [sketches?.outs[which], sketches?.a[which], sketches?.b[which]];
    if (outDigest === undefined || payload === undefined || extra === undefined) continue;
    if (seats[seat]?.opened === false) merge(seat, { opened: true, outDigest, payload, extra, salt });
  }
  const hash = countedIn(trail, stage, round);
  const votes = hash === null ? undefined : decodeCall(trail, hash, "tally")?.[3];
  for (const [seat, opening] of (votes?.seats ?? []).entries()) {
    const outDigest = votes?.outs[opening.which];
    const payload = votes?.payloads[opening.which];
    if (opening.which === NOT_SUPPLIED || outDigest === undefined || payload === undefined) continue;
    if (seats[seat]?.opened === false) merge(seat, { opened: true, outDigest, payload, salt: opening.salt });
  }
  return { fast: false, seats };
}
