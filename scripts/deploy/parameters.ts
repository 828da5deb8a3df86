// SPDX-License-Identifier: GPL-3.0-or-later
// The numbers of a deployment: protocol.md section 10.
import type { Address, Hex } from "viem";

/** As `ParameterSet` in contracts/types/Types.sol: seconds and basis points. */
export interface ParameterSet {
  readonly minWindow: number;
  readonly minWork: number;
  readonly minReveal: number;
  readonly hung: number;
  readonly hungLast: number;
  readonly clientTime: number;
  readonly moveTime: number;
  readonly jobLife: number;
  readonly lateCourt: number;
  readonly feeBps: number;
  readonly forceUninsured: boolean;
  readonly localOnly: boolean;
}

export interface DeploymentParameters {
  /** The one ERC-20 of fees, stakes and bonds; without it a `DevToken` is deployed, on local chains only. */
  readonly token?: Address;
  /** M, in wei of the token. */
  readonly minimumStake: bigint;
  readonly unbondingSeconds: number;
  readonly epochSeconds: number;
  /** Set 0 is the development set everywhere; it is refused off local chains. */
  readonly sets: readonly ParameterSet[];
  readonly policyTableHash: Hex;
  /** Where seeds come from: hashes of single blocks (default; low insured values), or `WorkerBeacon`. Fixed for good. */
  readonly randomness?: "blocks" | "workers";
  /** May pause new requests; default: the deployer. */
  readonly guardian?: Address;
  /** Receives fees; default: the deployer. */
  readonly treasury?: Address;
  /** May announce parameter sets; default: the deployer. */
  readonly timelock?: Address;
}

const DAY = 86_400;

export const developmentSet: ParameterSet = {
  minWindow: 15,
  minWork: 10,
  minReveal: 8,
  hung: 20,
  hungLast: 60,
  clientTime: 15,
  moveTime: 15,
  jobLife: 30 * 60,
  lateCourt: 10 * 60,
  feeBps: 200,
  forceUninsured: true,
  localOnly: true,
};

export const mainSet: ParameterSet = {
  minWindow: 600,
  minWork: 60,
  minReveal: 120,
  hung: 600,
  hungLast: DAY,
  clientTime: 60,
  moveTime: 600,
  jobLife: 7 * DAY,
  lateCourt: 7 * DAY,
  feeBps: 200,
  forceUninsured: false,
  localOnly: false,
};

/** M = 100 seat stakes, where a seat stakes 44 rewards of one token: sixteen workers carry forty five-seat jobs at once. */
export const devnetParameters: Omit<DeploymentParameters, "policyTableHash"> = {
  minimumStake: 4_400n * 10n ** 18n,
  unbondingSeconds: 60 * 60,
  epochSeconds: 10 * 60,
  sets: [developmentSet],
};

export const productionParameters: Omit<DeploymentParameters, "policyTableHash"> = {
  minimumStake: 4_400n * 10n ** 18n,
  unbondingSeconds: 14 * DAY,
  epochSeconds: 6 * 60 * 60,
  sets: [developmentSet, mainSet],
};
