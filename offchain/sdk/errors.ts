// SPDX-License-Identifier: MIT
import { defineErrors } from "../core/errors.ts";

export const SdkError = defineErrors("sdk", 31, {
  NOT_SUPPORTED: {
    n: 1,
    text: "This version cannot do that yet: {what}.",
    fix: "Choose another preset, or wait for the release that brings it.",
    retry: "never",
  },
  MODEL_UNKNOWN: {
    n: 2,
    text: "Model {modelId} is not registered at this hub.",
    fix: "Register the model first, or check that the manifest belongs to this deployment.",
    retry: "never",
  },
  INPUT_INVALID: {
    n: 3,
    text: "The input does not fit the model: {why}.",
    fix: "Give a tensor of the shape and dtype that the model's manifest names.",
    retry: "never",
  },
  POLICY_UNSAFE: {
    n: 4,
    text: "The job breaks inequality {inequality} of protocol.md section 8: {have} against {bound}.",
    fix: "Raise the reward or the seats' stake, insure less, or choose a preset with stronger evidence.",
    retry: "never",
  },
  BALANCE_TOO_LOW: {
    n: 5,
    text: "The free balance is {have}, the job needs {need}.",
    fix: "Deposit the difference at the hub, then request again.",
    retry: "never",
  },
  SEATS_UNKNOWN: {
    n: 6,
    text: "The seats of job {jobId} were not drawn within {ms} ms.",
    fix: "Check that the chain makes blocks; the job expires by itself and is refunded.",
    retry: "later",
  },
  DELIVERY_FAILED: {
    n: 7,
    text: "Only {reached} of {seats} seats took the input of job {jobId}; {quorum} are needed.",
    fix: "Call deliverInput again before the commit deadline; afterwards the job expires and is refunded.",
    retry: "now",
  },
  JOB_UNKNOWN: {
    n: 8,
    text: "The hub has no job {jobId}.",
    fix: "Check the job id, the hub and the chain.",
    retry: "never",
  },
  JOB_CLOSED: {
    n: 9,
    text: "Job {jobId} closed without a result: {reason}. {refund} were refunded.",
    fix: "Read the reason; a new job with the same input may be requested.",
    retry: "never",
  },
  JOB_TIMEOUT: {
    n: 10,
    text: "Job {jobId} did not end within {ms} ms.",
    fix: "Ask again later with getJob: anyone may poke a job whose deadline is over.",
    retry: "later",
  },
  RESULT_UNAVAILABLE: {
    n: 11,
    text: "No seat of job {jobId} delivered the result.",
    fix: "Try again: seats keep results for an hour after the job's end.",
    retry: "later",
  },
  RESULT_MISMATCH: {
    n: 12,
    text: "Worker {worker} delivered a result whose digest is not the agreed one.",
    fix: "Ask another seat; only a result with the agreed digest counts.",
    retry: "now",
  },
  RECEIPT_UNAVAILABLE: {
    n: 13,
    text: "The receipt of job {jobId} cannot be put together: {why}.",
    fix: "Wait until the job is final, and use an RPC endpoint that keeps its transactions.",
    retry: "later",
  },
  ACCOUNT_MISSING: {
    n: 14,
    text: "{action} needs an account.",
    fix: "Create the wallet client with an account, or pass one.",
    retry: "never",
  },
  DEPLOYMENT_MISMATCH: {
    n: 15,
    text: "The code at {address} is not the expected {name}.",
    fix: "Check the address and the chain; do not send money there.",
    retry: "never",
  },
  SECRET_INVALID: {
    n: 16,
    text: "A job secret must be {bytes} bytes, got {have}.",
    fix: "Use the secret that requestInference returned for this job.",
    retry: "never",
  },
  SEAT_REFUSED: {
    n: 17,
    text: "Worker {worker} at {endpoint} refused: {why}.",
    fix: "Nothing if enough other seats answered.",
    retry: "later",
  },
  PROFILE_MISSING: {
    n: 18,
    text: "Worker {worker} has published no usable endpoint or seal key.",
    fix: "Nothing if enough other seats answered.",
    retry: "later",
  },
  SEAT_SLOW: {
    n: 20,
    text: "Worker {worker} at {endpoint} did not answer in {ms} ms.",
    fix: "Nothing if enough other seats answered.",
    retry: "later",
  },
  PERMIT_UNSUPPORTED: {
    n: 21,
    text: "Token {token} takes no ERC-2612 permit: {why}.",
    fix: "Use deposit, which approves by a transaction.",
    retry: "never",
  },
  PROVIDER_UNFIT: {
    n: 22,
    text: "The signer has no provider that speaks JSON-RPC.",
    fix: "Connect it to a JsonRpcProvider, BrowserProvider or WebSocketProvider.",
    retry: "never",
  },
  ACCOUNT_OTHER: {
    n: 23,
    text: "The signer is {have} and was asked to sign for {asked}.",
    fix: "Leave the account out, or connect the signer of that account.",
    retry: "never",
  },
  INTERRUPTED: { n: 19, text: "Interrupted while {doing}.", fix: "Continue with the job id.", retry: "now" },
});
