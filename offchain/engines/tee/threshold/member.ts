// SPDX-License-Identifier: GPL-3.0-or-later
import { equalBytes } from "../../../core/bytes.ts";
import type { CryptoPort } from "../../../core/crypto-port.ts";
import { addressOfKey, packSignature, signDigest } from "../../../core/signature.ts";
import { committeeKeyDigest } from "../../../core/threshold/committee-key.ts";
import { holdersOf, type Committee } from "../../../core/threshold/draw-committee.ts";
import { ThresholdError } from "../../../core/threshold/errors.ts";
import { evaluateCommitments, evaluatePolynomial, Group, randomScalar, Scalars, type Point } from "../../../core/threshold/group.ts"; // prettier-ignore
import { proveLogs } from "../../../core/threshold/proofs.ts";
import { complain, openScalar, sealScalar } from "./deal-shares.ts";
import { assertComplete, dealKeyStatement, dealStatement, decodeCommitments, decodeDeal, encodeCommitment, encodeComplaint, encodeDeal, polynomialHash, roundHash, type Commitment } from "./messages.ts"; // prettier-ignore

/** A share of a committee's key, inside the enclave that made it with the others. */
export interface HeldShare {
  readonly committee: Committee;
  readonly index: number;
  readonly points: readonly Point[];
  readonly secret: bigint;
}

/** What a member says to everybody's deals. */
export type Judgement =
  /** 64 bytes over the key, and the share that goes with it. */
  | { readonly signature: Uint8Array; readonly points: readonly Point[]; readonly share: HeldShare }
  /** Dealers that are wrong for all to see, and complaints about deals that only this member can open. */
  | { readonly faults: readonly number[]; readonly complaints: readonly Uint8Array[] };

interface Dealt {
  readonly commitments: readonly Commitment[];
  readonly roundHash: Uint8Array;
  readonly bytes: Uint8Array;
}

const refuse = (why: string) => new ThresholdError("THRESHOLD_INVALID", { what: "The round", why });

/**
 * One member of one attempt at a key: commits, deals, judges, each once. Whatever relays the messages can stop the attempt and do nothing
 * else to it: all of them are signed, and a second, different round of commitments or deals is refused.
 * A key comes about only if every member found every deal right, so nobody can drop out after seeing the others' and so choose among
 * keys: the attempt fails, the wrong one is named, and the next attempt is made without it and of fresh polynomials.
 */
export class CommitteeSession {
  readonly #crypto: CryptoPort;
  readonly #committee: Committee;
  readonly #claimKey: Uint8Array;
  readonly #index: number;
  readonly #dealSecret: bigint;
  readonly #dealKey: Point;
  #polynomial: readonly bigint[];
  readonly #points: readonly Point[];
  readonly #commitment: Uint8Array;
  #dealt: Dealt | null = null;
  #judged: Judgement | null = null;

  /** Errors: THRESHOLD_INVALID unless the claim key is a member's that takes part; those of `assertCommittee`. */
  constructor(crypto: CryptoPort, committee: Committee, claimKey: Uint8Array) {
    const key = addressOfKey(claimKey);
    const index = committee.members.findIndex((one) => one.key.toLowerCase() === key) + 1;
    if (!holdersOf(committee).includes(index))
      throw new ThresholdError("THRESHOLD_INVALID", { what: "The committee", why: "this enclave takes no part" });
    [this.#crypto, this.#committee, this.#claimKey, this.#index] = [crypto, committee, claimKey, index];
    this.#dealSecret = randomScalar(crypto);
    this.#dealKey = Group.BASE.multiply(this.#dealSecret);
    this.#polynomial = Array.from({ length: committee.rules.t }, () => randomScalar(crypto));
    this.#points = this.#polynomial.map((coefficient) => Group.BASE.multiply(coefficient));
    const proof = proveLogs(crypto, dealKeyStatement(committee, index, this.#dealKey), this.#dealSecret);
    const hashed = polynomialHash(committee, index, this.#points);
    const commitment = { index, dealKey: this.#dealKey, polynomialHash: hashed };
    this.#commitment = encodeCommitment(committee, commitment, proof, claimKey);
  }

  get committee(): Committee {
    return this.#committee;
  }

  /** First message, for everybody. */
  commit(): Uint8Array {
    return this.#commitment;
  }

  /** Second message, for everybody, once all have committed. Errors: THRESHOLD_INVALID, SIGNATURE_INVALID. */
  deal(messages: readonly Uint8Array[]): Uint8Array {
    if (this.#dealt !== null) {
      // Deals under two rounds could be mixed.
      if (!equalBytes(roundHash(messages), this.#dealt.roundHash)) throw refuse("it dealt in another round already");
      return this.#dealt.bytes;
    }
    const committee = this.#committee;
    const index = this.#index;
    const commitments = decodeCommitments(committee, messages);
    const own = messages[holdersOf(committee).indexOf(index)];
    if (own === undefined || !equalBytes(own, this.#commitment)) throw refuse("its own commitment is another");
    const hashed = roundHash(messages);
    const sealed = new Map(
      commitments
        .filter((one) => one.index !== index)
        .map((one) => {
          const route = { committee, roundHash: hashed, from: index, to: one.index };
          const shared = one.dealKey.multiply(this.#dealSecret);
          return [one.index, sealScalar(this.#crypto, route, shared, evaluatePolynomial(this.#polynomial, one.index))];
        }),
    );
    const deal = { index, roundHash: hashed, points: this.#points, sealed };
    const proof = proveLogs(this.#crypto, dealStatement(deal), this.#polynomial[0] ?? 0n);
    const bytes = encodeDeal(committee, deal, proof, this.#claimKey);
    this.#dealt = { commitments, roundHash: hashed, bytes };
    return bytes;
  }

  /**
   * Judges everybody's deals: signs the key that they make, or says which are wrong and shows it. Secrets of the attempt end here.
   * Errors: THRESHOLD_INVALID, SIGNATURE_INVALID for messages that are not the members' of this round.
   */
  judge(messages: readonly Uint8Array[]): Judgement {
    if (this.#judged !== null) return this.#judged;
    if (this.#dealt === null) throw refuse("it has not dealt yet");
    const { commitments, roundHash: hashed } = this.#dealt;
    const committee = this.#committee;
    const deals = messages.map((one) => decodeDeal(committee, commitments, one));
    assertComplete(committee, deals, "The deals");
    // A dealer that saw other commitments was shown another round by its host: nobody's fault that all could see.
    if (deals.some(({ fault, roundHash: seen }) => fault === null && !equalBytes(seen, hashed)))
      throw refuse("a deal is of another round");
    const faults = deals.filter(({ fault }) => fault !== null).map(({ index }) => index);
    const complaints: Uint8Array[] = [];
    let secret = evaluatePolynomial(this.#polynomial, this.#index);
    for (const deal of deals) {
      if (deal.fault !== null || deal.index === this.#index) continue;
      const dealer = commitments.find(({ index }) => index === deal.index)?.dealKey ?? Group.ZERO;
      const route = { committee, roundHash: hashed, from: deal.index, to: this.#index };
      const scalar = openScalar(this.#crypto, route, dealer.multiply(this.#dealSecret), deal);
      if (scalar === undefined) {
        const accuser = this.#dealKey;
        complaints.push(encodeComplaint(complain(this.#crypto, { route, accuser, dealer, secret: this.#dealSecret })));
      } else secret = Scalars.add(secret, scalar);
    }
    this.#polynomial = [];
    if (faults.length > 0 || complaints.length > 0) return (this.#judged = { faults, complaints });
    const points = this.#points.map((_, k) =>
      deals.reduce((sum, deal) => sum.add(deal.points[k] ?? Group.ZERO), Group.ZERO),
    );
    if (secret === 0n || points.some((point) => point.is0())) throw refuse("its key is nothing");
    if (!Group.BASE.multiply(secret).equals(evaluateCommitments(points, this.#index)))
      throw refuse("its share does not fit");
    const signature = packSignature(signDigest(committeeKeyDigest(committee, points), this.#claimKey));
    return (this.#judged = { signature, points, share: { committee, index: this.#index, points, secret } });
  }
}
