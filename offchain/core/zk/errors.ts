// SPDX-License-Identifier: MIT
import { defineErrors } from "../errors.ts";

/**
 * Every error of proofs. Numbers: 1-19 encodings and verification (core), 20-39 circuits, compiler, witness, 40-59 setup, prover,
 * service, 60-79 ceremony, 80-89 soundness kit, 90-99 jobs.
 */
export const ZkError = defineErrors("zk", 3, {
  PROOF_MALFORMED: {
    n: 1,
    text: "The proof bytes are not canonical: {reason}.",
    fix: "Ask the worker for its proof again.",
    retry: "never",
  },
});
