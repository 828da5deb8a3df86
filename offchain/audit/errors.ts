// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../core/errors.ts";

export const AuditError = defineErrors("audit", 32, {
  BUNDLE_INVALID: {
    n: 1,
    text: "The bundle is refused at {artefact}: {why}.",
    fix: "Ask for the bundle again, and compare its root with what its author published; nothing of it was used.",
    retry: "never",
  },
  BUNDLE_VERSION: {
    n: 2,
    text: "The bundle has version {have}; this program reads version {want}.",
    fix: "Audit it with the release that wrote it, or export it again with this one.",
    retry: "never",
  },
  BUNDLE_TOO_LARGE: {
    n: 3,
    text: "{what} would make the bundle larger than {limit} bytes.",
    fix: "Export fewer blocks (--to-block), or allow more with --max-bytes.",
    retry: "never",
  },
  EXPORT_MISFIT: {
    n: 4,
    text: "{folder} holds the beginning of another export: {why}.",
    fix: "Give another folder, or remove this one; an export continues only what it began itself.",
    retry: "never",
  },
  CHAIN_NOT_LOCAL: {
    n: 5,
    text: "This chain cannot be recorded: {why}.",
    fix: "Bundles are of local Hardhat chains, from their first block; elsewhere use `receipt verify --rpc` and `audit fairness`.",
    retry: "never",
  },
  CHAIN_LOST: {
    n: 6,
    text: "The endpoint has no {what} any more.",
    fix: "Export while the chain runs, from a node that keeps its whole history.",
    retry: "later",
  },
  REPLAY_CHAIN: {
    n: 7,
    text: "The local chain does not start: {why}.",
    fix: "Replays need Hardhat: install this repository with its development dependencies.",
    retry: "never",
  },
  JOB_NOT_IN_BUNDLE: {
    n: 8,
    text: "Job {jobId} has not ended in the recorded blocks.",
    fix: "Record a later block, or leave the job out.",
    retry: "never",
  },
  PROGRESS_MISFIT: {
    n: 9,
    text: "{file} belongs to another audit: {why}.",
    fix: "Give another --out folder, or remove that file to audit from the beginning.",
    retry: "never",
  },
});
