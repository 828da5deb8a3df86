// SPDX-License-Identifier: MIT
import type { G1Point, G2Point } from "../zk/points.ts";

/** One factor of a product of pairings: e(Σ scalars[i]·points[i], g2). */
export interface PairingTerm {
  /** On G1's curve, or infinity. */
  readonly points: readonly G1Point[];
  /** One a point, in [0, r). Public. */
  readonly scalars: readonly bigint[];
  /** Of order r, or infinity. */
  readonly g2: G2Point;
}

/**
 * BN254's curves as verifiers of many proofs use them. `core/zk/noble-pairing.ts` runs anywhere; `engines/zk/verify` has one that is a
 * hundred times as fast where the native addon is. Nothing here is secret.
 */
export interface PairingEngine {
  /** For reports: which arithmetic it is. */
  readonly name: string;

  /** Places, ascending, of what is neither infinity nor a point of the curve with coordinates in [0, q). */
  strangersToG1(points: readonly G1Point[]): Promise<readonly number[]>;

  /** The same for G2: points of order r, of which the curve over Fq² has few. */
  strangersToG2(points: readonly G2Point[]): Promise<readonly number[]>;

  /** Whether the product of all terms is 1; terms at infinity count as 1. */
  isOne(product: readonly PairingTerm[]): Promise<boolean>;

  /** Ends its threads, if it has any. */
  close?(): Promise<void>;
}
