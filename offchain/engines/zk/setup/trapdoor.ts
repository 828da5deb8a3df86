// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex, utf8, type Hex } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { toScalar } from "../../../core/zk/field.ts";

const DOMAIN = "assay.v1.zk.dev";

/** Everything that a ceremony would destroy. */
export interface DevelopmentTrapdoor {
  readonly tau: bigint;
  readonly alpha: bigint;
  readonly beta: bigint;
  readonly delta1: bigint;
  readonly delta2: bigint;
  readonly deltaWeights: bigint;
}

/**
 * A DEVELOPMENT setup's secrets, which are none: keccak256("assay.v1.zk.dev", circuit hash, name) mod r. Every machine gets the same
 * keys, and ANYONE CAN FORGE PROOFS under them. For local chains and tests only.
 */
export function developmentTrapdoor(circuitHash: Hex): DevelopmentTrapdoor {
  const secret = (name: string): bigint => toScalar(keccak256(utf8(DOMAIN), fromHex(circuitHash, 32), utf8(name)));
  return {
    tau: secret("tau"),
    alpha: secret("alpha"),
    beta: secret("beta"),
    delta1: secret("delta1"),
    delta2: secret("delta2"),
    deltaWeights: secret("deltaWeights"),
  };
}
