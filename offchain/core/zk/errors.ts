// SPDX-License-Identifier: MIT
import { defineErrors } from "../errors.ts";

/**
 * Errors of proofs as anyone checks them. Module zk's numbers: 1-19 here, 20-39 circuits, compiler, witness, 40-59 setup, prover,
 * service, 60-79 ceremony, 80-89 soundness kit, 90-99 jobs.
 */
export const ZkError = defineErrors("zk", 3, {
  PROOF_MALFORMED: {
    n: 1,
    text: "The proof bytes are not canonical: {reason}.",
    fix: "Ask the worker for its proof again.",
    retry: "never",
  },
  KEY_MALFORMED: {
    n: 2,
    text: "Not a verification-key record: {reason}.",
    fix: "Fetch the record from the chain's key registry.",
    retry: "never",
  },
  KEY_DEGENERATE: {
    n: 3,
    text: "With this key anything can be proved: {reason}.",
    fix: "Refuse the key; its setup was skipped or repeated.",
    retry: "never",
  },
  KEY_MISMATCH: {
    n: 4,
    text: "The key's id is {actual}, the stage is proved under {expected}.",
    fix: "Use the key of the model's stage table.",
    retry: "never",
  },
  KEY_DEVELOPMENT: {
    n: 5,
    text: "Key {keyId} is a development key: anyone can forge its proofs.",
    fix: "Only chain 31337 may use it. Register the model with a ceremony's key.",
    retry: "never",
  },
  STATEMENT_MISMATCH: {
    n: 6,
    text: "The proof does not speak about this claim: {reason}.",
    fix: "Give the claim, tensors and digests that the proof was made for.",
    retry: "never",
  },
  PROOF_REJECTED: {
    n: 7,
    text: "The proof of stage {stage} by {worker} is false.",
    fix: "Believe nothing that it says.",
    retry: "never",
  },
  BATCH_INVALID: {
    n: 8,
    text: "Not one batch: {reason}.",
    fix: "Give at least one proof, all of one key and one weight commitment.",
    retry: "never",
  },
  BATCH_REJECTED: {
    n: 9,
    text: "The batch holds false proofs, at {indices}.",
    fix: "Drop the named proofs and verify the others.",
    retry: "never",
  },
  LINEAR_CHECK_REJECTED: {
    n: 11,
    text: "The proof of a linear check of stage {stage} of model {model} is false.",
    fix: "Do not check with it, and ask the model's owner for another one under a new seed.",
    retry: "never",
  },
  CHECKS_SPENT: {
    n: 12,
    text: "Client {client} has had {used} linear checks of operator {op}; {limit} are allowed.",
    fix: "Use a check that the client has; each new one tells more of the weights. Raising the allowance is the owner's decision.",
    retry: "never",
  },
  CHECK_BOOKING_INVALID: {
    n: 13,
    text: "Not a linear check to be booked: {reason}.",
    fix: "Name client, model, stage, operator and seed as the client's request does.",
    retry: "never",
  },
  LINEAR_CHECK_MALFORMED: {
    n: 14,
    text: "Not a message about a linear check: {reason}.",
    fix: "Ask its sender to make it again with this version, for this stage and by its own key.",
    retry: "never",
  },
  PROOF_FILE_INVALID: { n: 10, text: "Not a proof file: {reason}.", fix: "Ask for the file again.", retry: "never" },
});
