// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../core/errors.ts";

export const NodeError = defineErrors("node", 30, {
  CONFIG_INVALID: {
    n: 1,
    text: "Setting {name} ({source}) is invalid: {reason}.",
    fix: "Correct it; `assay config show` names where each value came from, docs/config.md what it may be.",
    retry: "never",
  },
  CONFIG_UNKNOWN: {
    n: 2,
    text: "There is no setting {name} ({source}).",
    fix: "Did you mean {suggestion}? See docs/config.md.",
    retry: "never",
  },
  CONFIG_UNREADABLE: {
    n: 3,
    text: "The configuration {path} cannot be read: {reason}.",
    fix: "Give the path of a TOML file, or write one with `assay node init`.",
    retry: "never",
  },
  CONFIG_EXISTS: {
    n: 4,
    text: "{path} exists already.",
    fix: "Choose another folder, or delete it: nothing was changed.",
    retry: "never",
  },
  DEVELOPMENT_REFUSED: {
    n: 5,
    text: "{what} is for development, and this is chain {chain} with development = {development}.",
    fix: "Remove it: development switches work only on chain 31337 with `development = true`.",
    retry: "never",
  },
  PASSWORD_MISSING: {
    n: 6,
    text: "No password file is configured for the keys in {folder}.",
    fix: "Set keys.passwordFile to a file with mode 0600.",
    retry: "never",
  },
  NOT_REGISTERED: {
    n: 7,
    text: "No worker on chain {chain} has the signer {address}.",
    fix: "Register it with `assay stake add`, then start again.",
    retry: "later",
  },
  MODEL_INVALID: {
    n: 8,
    text: "The model in {path} cannot be used: {reason}.",
    fix: "Fetch the model again; its files must hash to what the registry holds.",
    retry: "never",
  },
  FORCED: {
    n: 9,
    text: "A second signal ended the process before it was done.",
    fix: "Start it again: it continues from the journal.",
    retry: "later",
  },
  CHANGES_CLOSED: {
    n: 10,
    text: "Tickets change hands only in the second half of an epoch, which begins {opens}.",
    fix: "Run the same command again then; what was done stays done.",
    retry: "later",
  },
  NOT_OWNER: {
    n: 11,
    text: "Worker {worker} belongs to {want}, and the owner key is that of {have}.",
    fix: "Give --owner-key-file with the key that registered the worker.",
    retry: "never",
  },
  OWNER_TAKEN: {
    n: 12,
    text: "The owner {owner} has worker {worker} already, whose operator is {signer}.",
    fix: "Use another owner key for this worker: one owner, one worker.",
    retry: "never",
  },
  OWNER_UNKNOWN: {
    n: 13,
    text: "The owner {owner} has no worker.",
    fix: "Give --owner-key-file with the key that registered the worker.",
    retry: "never",
  },
  STAKE_LOW: {
    n: 14,
    text: "A stake of {have} backs no tickets: the least is {need}.",
    fix: "Give a larger --amount.",
    retry: "never",
  },
  TOKENS_MISSING: {
    n: 15,
    text: "{account} holds {have} tokens (base units) and needs {need}.",
    fix: "Send it the rest, then run the same command again.",
    retry: "never",
  },
  GAS_MISSING: {
    n: 16,
    text: "{account} has no gas money.",
    fix: "Send it some of the chain's own coin, then run the same command again.",
    retry: "never",
  },
  ENDPOINTS_MISSING: {
    n: 17,
    text: "The worker's record must say where others reach it, and no address is known.",
    fix: "Give --endpoints, or set net.publicUrl (or net.host and net.port) in the configuration.",
    retry: "never",
  },
  UNBONDING: {
    n: 18,
    text: "The stake of worker {worker} may leave {at}.",
    fix: "Run the same command again then.",
    retry: "later",
  },
  NOTHING_UNBONDING: {
    n: 19,
    text: "Worker {worker} has nothing that is leaving.",
    fix: "Begin with `assay stake leave`.",
    retry: "never",
  },
  PROOF_IMPOSSIBLE: {
    n: 20,
    text: "Stage {stage} of model {model} cannot be proven here: {reason}.",
    fix: "Nothing, if the model is not meant for proofs; else import it again with SALTED or PUBLIC boundaries and keys.",
    retry: "never",
  },
  OPENING_MISSING: {
    n: 21,
    text: "Stage {stage} of model {model} has private weights, and there is no opening of their commitment ({path}).",
    fix: "Ask the model's owner for it (mode 0600); without it the stage is neither proven nor voted on where a proof may overrule votes.",
    retry: "later",
  },
  WEIGHTS_UNOPENED: {
    n: 22,
    text: "The opening of stage {stage} of model {model} does not open its registered commitment with the model's weights: {reason}.",
    fix: "Do not serve the stage: proofs under that commitment are of another function and would overrule honest votes. Ask the model's owner for the right files.",
    retry: "never",
  },
  KEY_UNVERIFIED: {
    n: 23,
    text: "The ceremony of key {key} was not verified here: {reason}.",
    fix: "Put what is missing in its place and start again, or run `assay zk verify-setup --cache` with this worker's prove.cache.",
    retry: "later",
  },
  ENCLAVE_UNKNOWN: {
    n: 24,
    text: "Key {key} was never registered at {registry}.",
    fix: "Check the key, and the first block of the deployment in chain.fromBlock.",
    retry: "never",
  },
});
