// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../offchain/core/errors.ts";

/** What can go wrong while the demonstration sets itself up. */
export const DemoError = defineErrors("demo", 41, {
  CHAIN_SILENT: {
    n: 1,
    text: "The local chain did not answer within {seconds} s.",
    fix: "Look at chain.log in the run folder; a loaded machine may just need another try.",
    retry: "now",
  },
  CHILD_ENDED: {
    n: 2,
    text: "{name} ended with {code} before it was ready; its output is in {logFile}.",
    fix: "Read the last lines of that file.",
    retry: "never",
  },
  RPC_FAILED: { n: 3, text: "{method} failed: {why}.", fix: "Look at chain.log in the run folder.", retry: "never" },
  INTERRUPTED: { n: 4, text: "Interrupted.", fix: "Run it again.", retry: "now" },
  WORKER_SILENT: {
    n: 5,
    text: "Worker {index} was not ready within {seconds} s; its output is in {logFile}.",
    fix: "Read the last lines of that file; a loaded machine may just need another try.",
    retry: "now",
  },
  BUILD_FAILED: {
    n: 6,
    text: "The contracts do not build.",
    fix: "Run: npm run build",
    retry: "never",
  },
  MODEL_MISSING: {
    n: 7,
    text: "{path} is missing.",
    fix: "Restore the models folder from the repository.",
    retry: "never",
  },
  WORKER_UNKNOWN: {
    n: 8,
    text: "There is no worker {worker} here.",
    fix: "Use a worker of this devnet.",
    retry: "never",
  },
  FAULT_REFUSED: {
    n: 9,
    text: "Worker {worker} refused the fault mode with status {status}.",
    fix: "Fault modes exist in development only; read its log.",
    retry: "never",
  },
  KEY_DIFFERS: {
    n: 10,
    text: "Stage {stage} of {model} names a key that this circuit does not have.",
    fix: "Import the model again: npx assay model import models/{model}",
    retry: "never",
  },
  PROOF_CALL_UNKNOWN: {
    n: 11,
    text: "A proven job was ended by {functionName}, which holds no proof.",
    fix: "Report it: this run expects one proof a stage, submitted by itself.",
    retry: "never",
  },
  ENCLAVE_MISSING: {
    n: 12,
    text: "Worker {worker} has no registered enclave here.",
    fix: "Start the devnet with enclaves, and read the worker's log for `enclave.not-registered`.",
    retry: "never",
  },
});
