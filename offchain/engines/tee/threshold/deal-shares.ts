// SPDX-License-Identifier: GPL-3.0-or-later
import { assertLength } from "../../../core/bytes.ts";
import type { CryptoPort } from "../../../core/crypto-port.ts";
import { committeeIdBytes } from "../../../core/threshold/committee-key.ts";
import type { Committee } from "../../../core/threshold/draw-committee.ts";
import { evaluateCommitments, Group, hashParts, readScalar, writeScalar, type Point } from "../../../core/threshold/group.ts"; // prettier-ignore
import { proveLogs, verifyLogs } from "../../../core/threshold/proofs.ts";
import { decodeCommitments, decodeDeal, type Commitment, type Complaint, type SignedDeal } from "./messages.ts";

/** From whom to whom, in which round. */
interface Route {
  readonly committee: Committee;
  readonly roundHash: Uint8Array;
  readonly from: number;
  readonly to: number;
}

const NONCE = new Uint8Array(12);

/** Used for one message: the secret is of two fresh keys, and the way is part of it. */
const dealKeyOf = ({ committee, roundHash, from, to }: Route, shared: Point): Uint8Array =>
  hashParts("share-key", committeeIdBytes(committee), roundHash, Uint8Array.of(from, to), shared.toBytes()).slice(
    0,
    32,
  );

export function sealScalar(port: CryptoPort, route: Route, shared: Point, scalar: bigint): Uint8Array {
  return port.chacha20Poly1305Seal(dealKeyOf(route, shared), NONCE, new Uint8Array(), writeScalar(scalar));
}

/** The holder's point on the dealer's polynomial, or undefined if what came is not that. */
export function openScalar(port: CryptoPort, route: Route, shared: Point, deal: SignedDeal): bigint | undefined {
  const sealed = deal.sealed.get(route.to);
  if (sealed === undefined) return undefined;
  const plain = port.chacha20Poly1305Open(dealKeyOf(route, shared), NONCE, new Uint8Array(), sealed);
  if (plain === null) return undefined;
  try {
    const scalar = readScalar(assertLength(plain, 32, "A deal"), "A deal");
    const expected = evaluateCommitments(deal.points, route.to);
    return (scalar === 0n ? Group.ZERO : Group.BASE.multiply(scalar)).equals(expected) ? scalar : undefined;
  } catch {
    return undefined;
  } finally {
    plain.fill(0);
  }
}

const complaintStatement = (route: Route, accuser: Point, dealer: Point, shared: Point) => ({
  context: hashParts("complaint", committeeIdBytes(route.committee), route.roundHash, Uint8Array.of(route.from, route.to)),
  bases: [Group.BASE, dealer],
  images: [accuser, shared],
}); // prettier-ignore

const keyOf = (commitments: readonly Commitment[], index: number): Point | undefined =>
  commitments.find((one) => one.index === index)?.dealKey;

/** Shows the secret of one deal, and that it is the secret: what it protects is wrong, or known to the dealer anyway. */
export function complain(
  port: CryptoPort,
  { route, accuser, dealer, secret }: { readonly route: Route; readonly accuser: Point; readonly dealer: Point; readonly secret: bigint }, // prettier-ignore
): Complaint {
  const shared = dealer.multiply(secret);
  const proof = proveLogs(port, complaintStatement(route, accuser, dealer, shared), secret);
  return { against: route.from, by: route.to, shared, proof };
}

export interface Round {
  readonly committee: Committee;
  /** As they were sent, of each who takes part, ascending. */
  readonly commitments: readonly Uint8Array[];
  readonly deals: readonly Uint8Array[];
}

/**
 * Who of the two is wrong, for anybody to check from what both signed: the dealer, if its deal does not open or is not on its
 * polynomial, or is wrong for all to see; else the accuser. Errors: THRESHOLD_INVALID, SIGNATURE_INVALID where the round's messages are
 * not the members'.
 */
export function judgeComplaint(port: CryptoPort, round: Round, roundHashed: Uint8Array, complaint: Complaint): number {
  const { committee, deals } = round;
  const commitments = decodeCommitments(committee, round.commitments);
  const { against, by, shared, proof } = complaint;
  const [dealer, accuser] = [keyOf(commitments, against), keyOf(commitments, by)];
  if (dealer === undefined || accuser === undefined || against === by) return by;
  const route: Route = { committee, roundHash: roundHashed, from: against, to: by };
  if (!verifyLogs(complaintStatement(route, accuser, dealer, shared), proof)) return by;
  const deal = deals.map((bytes) => decodeDeal(committee, commitments, bytes)).find(({ index }) => index === against);
  if (deal === undefined) return by;
  return deal.fault === null && openScalar(port, route, shared, deal) !== undefined ? by : against;
}
