// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../../core/errors.ts";

/** Every error of circuit files and of the soundness kit. */
export const KitError = defineErrors("zk", 3, {
  FILE_MALFORMED: {
    n: 80,
    text: "The {format} file is not canonical: {reason}.",
    fix: "Compile the circuit again with `assay zk compile`.",
    retry: "never",
  },
  FILE_TOO_LARGE: {
    n: 81,
    text: "The {format} file has {actual} {what}, above the limit of {limit}.",
    fix: "Split the model into more stages.",
    retry: "never",
  },
  FIELD_WRONG: {
    n: 82,
    text: "The {format} file is not over BN254's scalar field.",
    fix: "Compile the circuit with circom's default prime.",
    retry: "never",
  },
  GROUPS_INVALID: {
    n: 83,
    text: "The wire groups do not fit the circuit: {reason}.",
    fix: "Compile the circuit again with `assay zk compile`.",
    retry: "never",
  },
  CONSTRAINT_VIOLATED: {
    n: 84,
    text: "The witness violates constraint {row}.",
    fix: "Report it: an honest execution must satisfy every constraint of its circuit.",
    retry: "never",
  },
  ROUND_RULE: {
    n: 85,
    text: "Rule {rule} of the two rounds is broken at constraint {row}, wire {wire}: {reason}.",
    fix: "Do not use this circuit: its proofs could be forged.",
    retry: "never",
  },
  ERROR_BOUND: {
    n: 86,
    text: "A false statement passes with probability up to 2^{log2}, above 2^-200.",
    fix: "Split the stage: fewer lookups and words make the bound smaller.",
    retry: "never",
  },
  WITNESS_NOT_UNIQUE: {
    n: 87,
    text: "Wire {wire} is not determined by the inputs.",
    fix: "Do not use this circuit: its outputs could be chosen freely.",
    retry: "never",
  },
  MUTATION_SURVIVED: {
    n: 88,
    text: "Wire {wire} can be changed alone without violating a constraint.",
    fix: "Do not use this circuit: a wire is unconstrained.",
    retry: "never",
  },
});
