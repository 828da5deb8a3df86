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
    fix: "Register it with `assay stake register`, then start again.",
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
});
