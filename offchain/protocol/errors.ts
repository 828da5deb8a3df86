// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../core/errors.ts";

export const ProtocolError = defineErrors("protocol", 20, {
  JOB_UNKNOWN: {
    n: 1,
    text: "Job {job} is not known here.",
    fix: "Send again after the next block: this worker may not have seen the request yet.",
    retry: "later",
  },
  SEAT_UNKNOWN: {
    n: 2,
    text: "This worker holds no seat in job {job}, stage {stage}, round {round}.",
    fix: "Read the job's seats again.",
    retry: "never",
  },
  STRANGER: {
    n: 3,
    text: "The sender has no part in job {job}.",
    fix: "Only the job's seats and its requester may send this.",
    retry: "never",
  },
  STATEMENT_INVALID: {
    n: 4,
    text: "A statement of seat {seat} in job {job} is invalid: {reason}.",
    fix: "Refuse the sender; nothing was stored.",
    retry: "never",
  },
  MESSAGE_INVALID: {
    n: 5,
    text: "A {protocol} message is invalid: {reason}.",
    fix: "Send the canonical bytes of this version.",
    retry: "never",
  },
  OFFER_REFUSED: {
    n: 6,
    text: "The offer for job {job} is refused: {reason}.",
    fix: "Correct the offer; the reason says what.",
    retry: "never",
  },
  BUSY: {
    n: 7,
    text: "This worker is at its limit of {limit} {what}.",
    fix: "Try again after {retryAfterMs} ms.",
    retry: "later",
  },
  INPUT_MISMATCH: {
    n: 8,
    text: "The input of job {job}, stage {stage} does not have the promised digest.",
    fix: "Seal the tensor whose digest stands in the job.",
    retry: "never",
  },
  MODEL_UNAVAILABLE: {
    n: 9,
    text: "Model {model} is not loaded here.",
    fix: "Add its folder to the configuration's `models`.",
    retry: "never",
  },
  RESULT_NOT_READY: {
    n: 10,
    text: "Job {job} has no result to serve yet.",
    fix: "Ask again after the job is final.",
    retry: "later",
  },
  RECORD_UNKNOWN: {
    n: 11,
    text: "The record of job {job} does not match the chain.",
    fix: "Read the job's events again; the RPC endpoint may lag.",
    retry: "later",
  },
  DRAINING: {
    n: 12,
    text: "This worker is shutting down.",
    fix: "Ask another holder.",
    retry: "later",
  },
  STAGE_REFUSED: {
    n: 13,
    text: "This worker does not answer for stage {stage} of model {model}: {reason}.",
    fix: "See `assay node doctor`: a proof that cannot be believed could overrule an honest answer, so the seat abstains, which costs nothing.",
    retry: "later",
  },
  HOLDER_UNKNOWN: {
    n: 14,
    text: "Seat {signer} of job {job} cannot be dialled: it has published no address.",
    fix: "Nothing: it is asked to put the boundary here, and others hold it too.",
    retry: "later",
  },
  ADVERT_REFUSED: {
    n: 15,
    text: "This worker advertises nothing for that: {reason}.",
    fix: "Ask a worker that hosts the model, with its 32-byte id.",
    retry: "never",
  },
});
