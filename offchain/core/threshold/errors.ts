// SPDX-License-Identifier: MIT
import { defineErrors } from "../errors.ts";

/** Errors of threshold input keys: numbers 92 to 95 of core. */
export const ThresholdError = defineErrors("core", 1, {
  THRESHOLD_INVALID: {
    n: 92,
    text: "{what} is refused: {why}.",
    fix: "Refuse the message; whoever made it can make a right one.",
    retry: "never",
  },
  COMMITTEE_SMALL: {
    n: 93,
    text: "Only {have} enclaves can be drawn, and the committee needs {need}.",
    fix: "Wait for an epoch with more registered enclaves, vendors and operators, or seal the input to seats that are known.",
    retry: "later",
  },
  COMMITTEE_KEY: {
    n: 94,
    text: "The committee's key is refused: {why}.",
    fix: "Ask another member for the key, and read the committee from the chain again.",
    retry: "later",
  },
  SHARES_MISSING: {
    n: 95,
    text: "{have} good shares came of the {need} that open the input; wrong ones from members {wrong}.",
    fix: "Try again when more members of the committee answer; fewer shares say nothing about the input.",
    retry: "later",
  },
});
