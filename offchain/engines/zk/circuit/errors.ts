// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../../core/errors.ts";

/** Every error of the circuit compiler and the witness builder. */
export const CircuitError = defineErrors("zk", 3, {
  NOT_PROVABLE: {
    n: 20,
    text: "The stage has no circuit: {reason}.",
    fix: "Cut the program elsewhere, change the boundary, or use a policy without proofs for this stage.",
    retry: "never",
  },
  CIRCOM_FAILED: {
    n: 21,
    text: "circom could not compile the gadgets: {reason}.",
    fix: "Reinstall the dependencies with `npm ci`; if it stays, report a bug with this text.",
    retry: "never",
  },
  CELL_INVALID: {
    n: 22,
    text: "Gadget {gadget} cannot be linked: {reason}.",
    fix: "Every signal that is not an input needs exactly one definition; advice enters as an input.",
    retry: "never",
  },
  LINK_INVALID: {
    n: 23,
    text: "The circuit cannot be linked: {reason}.",
    fix: "This is a bug of the compiler: report it with the program.",
    retry: "never",
  },
  WITNESS_INPUT: {
    n: 30,
    text: "The witness cannot be built: {reason}.",
    fix: "Pass the stage's inputs with a batch of one, and a 31-byte salt for each SALTED boundary.",
    retry: "never",
  },
  WITNESS_UNSOLVED: {
    n: 31,
    text: "The circuit's wire {wire} has no value: {reason}.",
    fix: "Try again with a fresh commitment; if it stays, report a bug with the program.",
    retry: "now",
  },
});
