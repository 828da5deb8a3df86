// SPDX-License-Identifier: MIT
import { defineErrors } from "../errors.ts";

/** Errors of noise and its ledger: numbers 89 to 91 of core. */
export const NoiseError = defineErrors("core", 1, {
  NOISE_INVALID: {
    n: 89,
    text: "Noise cannot be added: {why}.",
    fix: "Take clip and variance from the model's public calibration, never from the request.",
    retry: "never",
  },
  PRIVACY_BUDGET_EXCEEDED: {
    n: 90,
    text: "This release would bring its subject to a loss of {total} micro-rho, above the budget of {budget}.",
    fix: "Release nothing more about this subject, or raise its budget knowingly.",
    retry: "never",
  },
  RELEASE_CHANGED: {
    n: 91,
    text: "Release {release} is booked with another loss or subject.",
    fix: "Send the same noised bytes again, or book a new release.",
    retry: "never",
  },
});
