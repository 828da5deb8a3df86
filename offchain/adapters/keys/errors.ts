// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../core/errors.ts";

export const KeyError = defineErrors("keys", 13, {
  KEY_MISSING: {
    n: 1,
    text: "There is no key file {path}.",
    fix: "Run `assay node init`, or set the data folder.",
    retry: "never",
  },
  KEY_PERMISSIONS: {
    n: 2,
    text: "The key file {path} is open to others ({found}).",
    fix: "Run chmod 600 on it; if others had access to the machine, make a new key.",
    retry: "never",
  },
  KEY_FORMAT: {
    n: 3,
    text: "{path} is not a key file: {reason}.",
    fix: "Give a Web3 Secret Storage version 3 file made by `assay keys`.",
    retry: "never",
  },
  KEY_PASSWORD: {
    n: 4,
    text: "The password does not open {path}, or the file was altered.",
    fix: "Check the password file; restore the key from its backup if the password is right.",
    retry: "never",
  },
  KEY_PURPOSE: {
    n: 5,
    text: "{path} is a key for {have}, not for {want}.",
    fix: "Use a key of its own for each purpose.",
    retry: "never",
  },
  KEY_WEAK: {
    n: 6,
    text: "{path} is protected by a scrypt cost of {have}, at least {want} is needed.",
    fix: "Write the key again with `assay keys`; development keys are accepted on a local chain only.",
    retry: "never",
  },
  KEY_DEVELOPMENT: {
    n: 7,
    text: "{path} is a development key.",
    fix: "Use development keys on a local chain only; make real keys with `assay keys`.",
    retry: "never",
  },
  KEY_EXISTS: {
    n: 8,
    text: "{path} exists.",
    fix: "Move it away first: keys are never overwritten.",
    retry: "never",
  },
  KEY_WRITE_FAILED: {
    n: 9,
    text: "The key file {path} cannot be written: {reason}.",
    fix: "Check the folder, its permissions and free space.",
    retry: "never",
  },
  PASSWORD_INVALID: {
    n: 10,
    text: "The password {path} cannot be used: {reason}.",
    fix: "Give a file with one line of at least 8 characters, readable by its owner only.",
    retry: "never",
  },
  KEYS_CLOSED: { n: 11, text: "The keys are closed.", fix: "Open them again.", retry: "never" },
  COLUMN_ALTERED: {
    n: 12,
    text: "A sealed value at {context} was altered, or belongs to another row or key.",
    fix: "Restore the journal; do not sign with this key before.",
    retry: "never",
  },
  CRYPTO_INPUT: {
    n: 13,
    text: "{what} has {have} bytes instead of {want}.",
    fix: "Correct the caller.",
    retry: "never",
  },
  DIGEST_INVALID: {
    n: 14,
    text: "Only 32-byte digests are signed; this has {have} bytes.",
    fix: "Correct the caller.",
    retry: "never",
  },
});
