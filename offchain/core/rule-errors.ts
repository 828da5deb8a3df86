// SPDX-License-Identifier: MIT
import { defineErrors } from "./errors.ts";

/** Errors of draw, vote, settle, policy and economics: numbers 50 to 79 of core. They mirror the hub's reverts. */
export const RuleError = defineErrors("core", 1, {
  POOL_TOO_SMALL: {
    n: 50,
    text: "The ticket class has {have} workers, but {need} are needed.",
    fix: "Wait for more workers, take fewer seats or stages, or set SMALL_POOL on a job that insures nothing.",
    retry: "later",
  },
  NOT_SUPPORTED: {
    n: 51,
    text: "{what} is specified but not offered yet.",
    fix: "Choose a policy from the evidence that this hub checks; nothing weaker is chosen for you.",
    retry: "never",
  },
  SPEC_INVALID: {
    n: 52,
    text: "{field} is {value}, but must be from {least} to {most}.",
    fix: "Correct {field} and ask again.",
    retry: "never",
  },
  POLICY_UNSAFE: {
    n: 53,
    text: "Inequality {inequality} of the protocol fails: {have} against a bound of {bound}.",
    fix: "Insure less, stake more a seat, or choose stronger evidence (protocol.md section 8).",
    retry: "never",
  },
  CRITICAL_NEEDS_CONSENT: {
    n: 54,
    text: "A critical job needs PROOF or CIPHER, but its mask is {mask}.",
    fix: "Use a critical preset, or set ACCEPT_DOWNGRADE in your own transaction.",
    retry: "never",
  },
  NO_POLICY: {
    n: 55,
    text: "No policy fits: {preset} is required, but {why}.",
    fix: "Change the scenario or the model; a critical wish is never met by something weaker.",
    retry: "never",
  },
  NO_WORKERS: {
    n: 56,
    text: "The available workers cannot serve {preset}: missing {missing}.",
    fix: "Wait for such workers, or change the scenario; nothing weaker is chosen for you.",
    retry: "later",
  },
  WISHES_CONTRADICT: {
    n: 57,
    text: "The scenario contradicts itself: {one} and {other}.",
    fix: "Drop one of the two wishes.",
    retry: "never",
  },
  POLICY_WEAKER: {
    n: 58,
    text: "The policy is weaker than its scenario: {field} is {have}, but {preset} needs {least}.",
    fix: "Leave the policy to the scenario, or strengthen it; of a critical scenario sign the downgrade (acceptDowngrade).",
    retry: "never",
  },
});
