// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../core/errors.ts";

export const CommitteeError = defineErrors("committee", 7, {
  CALIBRATION_FAILED: {
    n: 1,
    text: "The tolerance cannot be calibrated: {reason}.",
    fix: "Give more calibration rows and machines; a model whose honest answers scatter without bound cannot be voted on.",
    retry: "never",
  },
  TOLERANCE_TOO_WIDE: {
    n: 2,
    text: "Honest answers differ by {tau} steps of a coordinate, more than {limit}: a wrong answer could hide in that.",
    fix: "Compile the model to an integer program, or take out what amplifies rounding (deep recurrences, large exponents).",
    retry: "never",
  },
  GUESSABLE: {
    n: 3,
    text: "What seats compare carries {bits} bits over the calibration rows, fewer than {limit}.",
    fix: "Give the model more outputs (scores instead of an answer), or more calibration rows.",
    retry: "never",
  },
});
