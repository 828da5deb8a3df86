// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../offchain/core/bytes.ts";
import type { Spec } from "../../offchain/core/types.ts";

const ZERO: Hex = `0x${"00".repeat(32)}`;
const NOBODY: Hex = `0x${"00".repeat(20)}`;

/** A batch of that model; only `modelId` and the number of inputs in `flags` matter to a stage's work. */
export const benchSpec = (modelId: Hex, flags: number): Spec => ({
  modelId,
  inDigest: ZERO,
  inputRef: ZERO,
  stages: 1,
  policy: {
    mask: 1,
    k: 1,
    auditBps: 0,
    cls: 0,
    flags,
    seatStake: 0n,
    window: 0,
    tWork: 60,
    tReveal: 60,
    ticketClass: 0,
  },
  seatReward: 0n,
  pokeFee: 0n,
  insuredValue: 0n,
  client: NOBODY,
  callback: NOBODY,
  callbackGas: 0,
  expiry: 0,
  paramsVersion: 1,
  resultKey: ZERO,
});
