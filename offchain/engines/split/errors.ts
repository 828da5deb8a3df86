// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../core/errors.ts";

export const SplitError = defineErrors("split", 5, {
  LEAKAGE_DATA: {
    n: 1,
    text: "Leakage cannot be measured: {reason}.",
    fix: "Give at least 1,000 rows for the attacker and 500 others to judge it by; few rows make leakage look small.",
    retry: "never",
  },
  ATTACK_FAILED: {
    n: 2,
    text: "The {attack} attack gave no finite result.",
    fix: "Report it with the model: an attack that fails must not pass as an attack that found nothing.",
    retry: "never",
  },
  TRAIN_MESSAGE: {
    n: 3,
    text: "A training message is refused: {reason}.",
    fix: "Send one activation, then its gradient, of the agreed width, step by step, in finite numbers.",
    retry: "never",
  },
  TRAIN_REFUSED: {
    n: 4,
    text: "Split training is refused: {reason}.",
    fix: "Train with a server that you trust or that runs in an enclave, and never for critical scenarios: a hostile server can turn the encoder into an inverter.",
    retry: "never",
  },
});
