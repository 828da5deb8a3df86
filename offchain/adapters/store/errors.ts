// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../core/errors.ts";

export const StoreError = defineErrors("store", 12, {
  ALREADY_SIGNED: {
    n: 1,
    text: "A different {kind} for job {job}, stage {stage}, round {round} was signed before.",
    fix: "Nothing to do: the node refuses to contradict itself. If it repeats, check that no second copy of this store is in use.",
    retry: "never",
  },
  MESSAGE_CONFLICT: {
    n: 2,
    text: "A different {kind} message for job {job}, stage {stage}, round {round} is stored.",
    fix: "Send the stored message; messages never change.",
    retry: "never",
  },
  FIELD_INVALID: {
    n: 3,
    text: "Field {field} of a journal entry is invalid: {reason}.",
    fix: "Correct the caller.",
    retry: "never",
  },
  JOURNAL_CORRUPT: {
    n: 4,
    text: "The journal {path} is damaged: {reason}.",
    fix: "Do not sign with this key until the journal is restored: move the worker to a new key if it cannot be.",
    retry: "never",
  },
  JOURNAL_CLOSED: { n: 5, text: "The journal is closed.", fix: "Open it again.", retry: "never" },
  JOURNAL_FOREIGN: {
    n: 6,
    text: "The journal {path} belongs to {owner}, not to {expected}.",
    fix: "Give each operator key, chain and hub a data folder of its own.",
    retry: "never",
  },
  JOURNAL_TOO_NEW: {
    n: 7,
    text: "The journal {path} has schema {have}, this version knows up to {known}.",
    fix: "Update Assay, or restore the journal of this version.",
    retry: "never",
  },
  JOURNAL_BUSY: {
    n: 8,
    text: "The journal {path} is in use by another process.",
    fix: "Stop the other process.",
    retry: "later",
  },
  JOURNAL_FAILED: {
    n: 9,
    text: "The journal could not be written: {reason}.",
    fix: "Check free space and the health of the disk.",
    retry: "later",
  },
  PART_TOO_LARGE: {
    n: 20,
    text: "A part has {bytes} bytes, the limit is {limit}.",
    fix: "Cut the blob into parts.",
    retry: "never",
  },
  QUOTA_EXCEEDED: {
    n: 21,
    text: "The blob store holds {used} of {quota} bytes; {bytes} more do not fit.",
    fix: "Raise the disk quota, or wait until finished jobs' blobs expire.",
    retry: "later",
  },
  DIGEST_MISMATCH: {
    n: 22,
    text: "The bytes hash to {have}, not to {expected}.",
    fix: "Fetch the part from another holder.",
    retry: "later",
  },
  NAME_INVALID: {
    n: 23,
    text: "{name} is no part digest.",
    fix: "Use 0x and 64 lower-case hexadecimal digits.",
    retry: "never",
  },
  BLOB_STORE_FAILED: {
    n: 24,
    text: "The blob store could not {action}: {reason}.",
    fix: "Check free space, permissions and the health of the disk.",
    retry: "later",
  },
  KEY_LOCKED: {
    n: 40,
    text: "Another process holds {path}.",
    fix: "Stop the other process: one process a key, or the worker would contradict itself and be slashed.",
    retry: "later",
  },
  LOCK_FAILED: {
    n: 41,
    text: "The lock {path} cannot be taken: {reason}.",
    fix: "Check that the folder exists and is writable and not on a network file system.",
    retry: "never",
  },
});
