// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes } from "../../../core/bytes.ts";
import { ByteReader } from "../../../core/byte-reader.ts";
import { ByteWriter } from "../../../core/byte-writer.ts";
import type { CryptoPort } from "../../../core/crypto-port.ts";
import { isAssayError } from "../../../core/errors.ts";
import { recoverSigner, unpackSignature } from "../../../core/signature.ts";
import {
  committeeKeyDigest,
  encodeCommitteeKey,
  readCommitteeKey,
  type CommitteeKey,
} from "../../../core/threshold/committee-key.ts";
import { fewestHolders, holdersOf, MAX_MEMBERS, type Committee, type DrawnCommittee } from "../../../core/threshold/draw-committee.ts"; // prettier-ignore
import { ThresholdError } from "../../../core/threshold/errors.ts";
import { Group } from "../../../core/threshold/group.ts";
import { judgeComplaint } from "./deal-shares.ts";
import type { Judgement } from "./member.ts";
import { COMPLAINT_BYTES, decodeCommitment, decodeCommitments, decodeComplaint, decodeDeal, roundHash } from "./messages.ts"; // prettier-ignore

/** A member's enclave, through whoever hosts it. All three reject if it is away or refuses. */
export interface MemberPort {
  commit(committee: Committee): Promise<Uint8Array>;
  deal(committee: Committee, commitments: readonly Uint8Array[]): Promise<Uint8Array>;
  /** As `encodeJudgement`. */
  judge(committee: Committee, deals: readonly Uint8Array[]): Promise<Uint8Array>;
}

/** u8 1 ‖ signature, or u8 2 ‖ u8 f ‖ f × index ‖ u8 c ‖ c × complaint. */
export function encodeJudgement(judgement: Judgement): Uint8Array {
  if ("signature" in judgement) return concatBytes(Uint8Array.of(1), judgement.signature);
  const { faults, complaints } = judgement;
  const writer = new ByteWriter().u8(2).u8(faults.length).raw(Uint8Array.from(faults)).u8(complaints.length);
  return writer.raw(concatBytes(...complaints)).finish();
}

interface Judged {
  readonly signature: Uint8Array | null;
  readonly complaints: readonly Uint8Array[];
}

/** Errors: NOT_CANONICAL, BYTES_*, TOO_LARGE. */
function decodeJudgement(bytes: Uint8Array): Judged {
  const reader = new ByteReader(bytes, "A judgement");
  const kind = reader.u8();
  if (kind !== 1 && kind !== 2) throw reader.refuse(`kind ${kind}`);
  if (kind === 1) {
    const signature = reader.raw(64).slice();
    reader.end();
    return { signature, complaints: [] };
  }
  reader.raw(reader.count(reader.u8(), MAX_MEMBERS, 1));
  const count = reader.count(reader.u8(), MAX_MEMBERS, COMPLAINT_BYTES);
  const complaints = Array.from({ length: count }, () => reader.raw(COMPLAINT_BYTES).slice());
  reader.end();
  return { signature: null, complaints };
}

/** Who was left out of later attempts, and why. */
export interface LeftOut {
  readonly index: number;
  /** `false`: away or refused, which says nothing about it. `true`: what it signed proves it wrong. */
  readonly proven: boolean;
  readonly why: string;
}

export interface MadeKey {
  readonly key: CommitteeKey;
  readonly bytes: Uint8Array;
  readonly leftOut: readonly LeftOut[];
}

const MAX_ATTEMPTS = 2 * MAX_MEMBERS;

/**
 * Has a drawn committee make its key, by relaying between its members. Whoever relays learns nothing and decides nothing but who takes part: fewer
 * than t wrong members know as little of the key of any five of six as of all six's. A member that is away or wrong is left out of the
 * next attempt. Errors: COMMITTEE_SMALL when too few are left.
 */
export async function makeCommitteeKey(
  port: CryptoPort,
  drawn: DrawnCommittee,
  memberAt: (index: number) => MemberPort,
): Promise<MadeKey> {
  const leftOut: LeftOut[] = [];
  let mask = 2 ** drawn.members.length - 1;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const committee: Committee = { ...drawn, mask: mask >>> 0, attempt };
    const have = holdersOf(committee).length;
    if (have < fewestHolders(drawn.rules))
      throw new ThresholdError("COMMITTEE_SMALL", { have, need: fewestHolders(drawn.rules) });
    const outcome = await tryOnce(port, committee, memberAt);
    if ("key" in outcome) return { ...outcome, leftOut };
    leftOut.push(...outcome.wrong);
    for (const { index } of outcome.wrong) mask -= ((mask >>> (index - 1)) & 1) * 2 ** (index - 1);
  }
  throw new ThresholdError("COMMITTEE_SMALL", { have: 0, need: fewestHolders(drawn.rules) });
}

type Outcome = Omit<MadeKey, "leftOut"> | { readonly wrong: readonly LeftOut[] };

const away = (index: number, error: unknown): LeftOut => {
  if (!isAssayError(error)) throw error;
  return { index, proven: false, why: error.message };
};

/** One round: each member's answer, or those who gave none that can be read. */
async function askAll<T>(
  committee: Committee,
  ask: (index: number) => Promise<T>,
): Promise<{ readonly answers: readonly T[]; readonly wrong: readonly LeftOut[] }> {
  const answers: T[] = [];
  const wrong: LeftOut[] = [];
  const settled = await Promise.allSettled(holdersOf(committee).map(ask));
  for (const [i, index] of holdersOf(committee).entries()) {
    const one = settled[i];
    if (one?.status === "fulfilled") answers.push(one.value);
    else wrong.push(away(index, one?.reason));
  }
  return { answers, wrong };
}

async function tryOnce(port: CryptoPort, committee: Committee, memberAt: (index: number) => MemberPort): Promise<Outcome> {
  const first = await askAll(committee, async (index) => {
    const bytes = await memberAt(index).commit(committee);
    if (decodeCommitment(committee, bytes).index !== index) throw strange();
    return bytes;
  });
  if (first.wrong.length > 0) return first;
  const commitments = decodeCommitments(committee, first.answers);
  const second = await askAll(committee, async (index) => {
    const bytes = await memberAt(index).deal(committee, first.answers);
    const deal = decodeDeal(committee, commitments, bytes);
    if (deal.index !== index) throw strange();
    return { bytes, deal };
  });
  if (second.wrong.length > 0) return second;
  const faulty = second.answers.flatMap(({ deal: { index, fault } }): LeftOut[] =>
    fault === null ? [] : [{ index, proven: true, why: `its deal: ${fault}` }],
  );
  if (faulty.length > 0) return { wrong: faulty };
  const deals = second.answers.map(({ bytes }) => bytes);
  const third = await askAll(committee, async (index) => ({
    index,
    ...decodeJudgement(await memberAt(index).judge(committee, deals)),
  }));
  const round = { committee, commitments: first.answers, deals };
  const blamed = third.answers.flatMap(({ index, complaints }) =>
    complaints.map((bytes) => blame(port, round, index, bytes)),
  );
  // What proves a member wrong before what says nothing about one.
  if (blamed.length + third.wrong.length > 0) return { wrong: distinct([...blamed, ...third.wrong]) };
  const unsigned = third.answers.filter(({ signature }) => signature === null);
  if (unsigned.length > 0) return { wrong: unsigned.map(({ index }) => ({ index, proven: true, why: "it found faults where none are" })) };
  const points = Array.from({ length: committee.rules.t }, (_, k) =>
    second.answers.reduce((sum, { deal }) => sum.add(deal.points[k] ?? Group.ZERO), Group.ZERO),
  );
  const digest = committeeKeyDigest(committee, points);
  const forged = third.answers.filter(({ index, signature }) => !isSignedBy(committee, index, digest, signature));
  if (forged.length > 0) return { wrong: forged.map(({ index }) => ({ index, proven: false, why: "it has not signed the key" })) };
  const signatures = third.answers.map(({ signature }) => unpackSignature(signature ?? new Uint8Array(64)));
  const bytes = encodeCommitteeKey({ committee, points, signatures });
  return { key: readCommitteeKey(committee, bytes), bytes };
} // prettier-ignore

function isSignedBy(committee: Committee, index: number, digest: Uint8Array, signature: Uint8Array | null): boolean {
  try {
    const key = committee.members[index - 1]?.key.toLowerCase();
    return signature !== null && recoverSigner(digest, unpackSignature(signature)) === key;
  } catch {
    return false;
  }
}

const strange = () => new ThresholdError("THRESHOLD_INVALID", { what: "A message", why: "it is another member's" });

function blame(port: CryptoPort, round: Parameters<typeof judgeComplaint>[1], from: number, bytes: Uint8Array): LeftOut {
  try {
    const complaint = decodeComplaint(bytes);
    if (complaint.by !== from) return { index: from, proven: true, why: "it complains in another's name" };
    const index = judgeComplaint(port, round, roundHash(round.commitments), complaint);
    const why = index === from ? `it complains of a good deal of member ${complaint.against}` : `its deal to member ${from} does not fit its polynomial`; // prettier-ignore
    return { index, proven: true, why };
  } catch (error) {
    return away(from, error);
  }
} // prettier-ignore

function distinct(list: readonly LeftOut[]): LeftOut[] {
  return list.filter(({ index }, i) => list.findIndex((one) => one.index === index) === i);
}
