// SPDX-License-Identifier: MIT
import { defineErrors } from "../errors.ts";

/** Errors of MASKED stages: numbers 86 to 88 of core. */
export const MaskedError = defineErrors("core", 1, {
  MASK_NOT_LINEAR: {
    n: 86,
    text: "The stage cannot run MASKED: {why}.",
    fix: "Cut so that the stage begins with one linear operator on i8 values; everything after it runs at the client.",
    retry: "never",
  },
  LANE_MISMATCH: {
    n: 87,
    text: "The lanes' shares add up to a value outside the proven bounds of channel {channel}.",
    fix: "Send both lanes to dispute: with good digests, one of them did not compute the stage.",
    retry: "never",
  },
  SHARE_INVALID: {
    n: 88,
    text: "Share {index} is not {expected}.",
    fix: "Give u32-mod tensors of the stage's shape, one batch for all.",
    retry: "never",
  },
});
