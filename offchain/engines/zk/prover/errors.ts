// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../../core/errors.ts";

/** Every error of setup, key files, prover and prover service. */
export const ProverError = defineErrors("zk", 3, {
  ZKEY_MALFORMED: {
    n: 40,
    text: "The proving key is not canonical: {reason}.",
    fix: "Delete the key's folder and make or fetch the key again.",
    retry: "never",
  },
  GROUPS_MALFORMED: {
    n: 41,
    text: "The .groups file is not canonical: {reason}.",
    fix: "Delete the key's folder and make or fetch the key again.",
    retry: "never",
  },
  KEY_UNSOUND: {
    n: 42,
    text: "The proving key must not be used: {reason}.",
    fix: "Delete the key's folder and make or fetch the key again; proofs under this one could be forged or useless.",
    retry: "never",
  },
  KEY_MISSING: {
    n: 43,
    text: "There is no key of circuit {circuitHash} in {folder}.",
    fix: "Fetch the ceremony's key files into that folder, or use `--dev-keys` on a local chain.",
    retry: "later",
  },
  DEVELOPMENT_REFUSED: {
    n: 44,
    text: "Development keys are refused on chain {chainId}: anyone can forge proofs under them.",
    fix: "Use keys from a ceremony (`assay zk ceremony`); only the local chain 31337 takes development keys.",
    retry: "never",
  },
  CIRCUIT_TOO_LARGE: {
    n: 45,
    text: "The circuit needs {needed} {what}; the limit is {limit}.",
    fix: "Split the model into more stages, or give the prover more memory.",
    retry: "never",
  },
  CIRCUIT_UNFIT: {
    n: 46,
    text: "No key can be made for this circuit: {reason}.",
    fix: "Compile the circuit again with `assay zk compile`.",
    retry: "never",
  },
  WITNESS_MALFORMED: {
    n: 47,
    text: "The witness is not usable: {reason}.",
    fix: "Pass the witness that this circuit's plan made, one reduced element of 32 bytes a wire.",
    retry: "never",
  },
  WITNESS_WRONG: {
    n: 48,
    text: "The witness does not satisfy the circuit: its proof does not verify, and was thrown away.",
    fix: "Report it: an honest execution must satisfy every constraint of its circuit.",
    retry: "never",
  },
  COMMITMENT_SPENT: {
    n: 49,
    text: "This commitment was used before, or is another key's.",
    fix: "Commit again: a blind must never serve two proofs.",
    retry: "never",
  },
  PROVER_CRASHED: {
    n: 50,
    text: "The proving process ended: {reason}.",
    fix: "Try again; if it goes on, give the prover more memory.",
    retry: "now",
  },
  PROVER_MEMORY: {
    n: 51,
    text: "Proving took {usedMiB} MiB, above the limit of {limitMiB}.",
    fix: "Raise the prover's memory limit.",
    retry: "never",
  },
  PROVER_CLOSED: {
    n: 52,
    text: "The prover was closed.",
    fix: "Open the key again.",
    retry: "never",
  },
  STATEMENT_WRONG: {
    n: 53,
    text: "The proof does not prove the claim: {reason}.",
    fix: "Check that claim, tensors, salts and weights belong together.",
    retry: "never",
  },
  DEADLINE_PASSED: {
    n: 54,
    text: "The deadline passed {lateMs} ms before the proof could begin.",
    fix: "Take fewer jobs at once, or use a faster prover.",
    retry: "never",
  },
  OPENING_INVALID: {
    n: 55,
    text: "{path} is no opening of committed weights: {why}.",
    fix: "Ask the model's owner for the file again (mode 0600), or import the model again.",
    retry: "never",
  },
  NATIVE_MISSING: {
    n: 56,
    text: "The native prover was asked for, but {reason}.",
    fix: "To have it: {repair}. Or let snarkjs serve: `auto`.",
    retry: "never",
  },
  PROVER_UNKNOWN: {
    n: 57,
    text: "There is no prover {name}.",
    fix: "Set ASSAY_ZK_PROVER to auto, native or snarkjs.",
    retry: "never",
  },
});
