// SPDX-License-Identifier: MIT
import { defineErrors } from "./errors.ts";

const RESEND = "Ask the sender for the canonical bytes; do not repair them.";

/** Errors of `offchain/core`. Numbers 50 to 79 are kept for draw, vote, settle, policy and economics. */
export const CoreError = defineErrors("core", 1, {
  HEX_INVALID: { n: 1, text: "{what} is not hexadecimal: {why}.", fix: "Give 0x and whole bytes.", retry: "never" },
  BYTES_TRUNCATED: { n: 2, text: "{what} ends {missing} bytes too early.", fix: RESEND, retry: "never" },
  BYTES_TRAILING: { n: 3, text: "{what} has {extra} bytes too many.", fix: RESEND, retry: "never" },
  LENGTH_WRONG: {
    n: 4,
    text: "{what} has {actual} bytes instead of {expected}.",
    fix: "Pass exactly the documented number of bytes.",
    retry: "never",
  },
  NUMBER_OUT_OF_RANGE: {
    n: 5,
    text: "{what} is {value}, outside {low} to {high}.",
    fix: "Pass a whole number within the range.",
    retry: "never",
  },
  TOO_LARGE: { n: 6, text: "{what} has {actual}, more than {limit}.", fix: "Send less at once.", retry: "never" },
  NOT_CANONICAL: { n: 7, text: "{what} is not canonical: {why}.", fix: RESEND, retry: "never" },
  VERSION_UNKNOWN: {
    n: 8,
    text: "{what} has version {version}, which this program does not know.",
    fix: "Update Assay, or ask for a version that it knows.",
    retry: "never",
  },
  TENSOR_INVALID: { n: 10, text: "Not a tensor: {why}.", fix: "See offchain/core/tensor.ts.", retry: "never" },
  TENSOR_MISMATCH: {
    n: 11,
    text: "The tensor is {actual}, wanted is {expected}.",
    fix: "Give the model's declared shape and type.",
    retry: "never",
  },
  ABI_TYPE: { n: 12, text: "Type {type} cannot be encoded.", fix: "Use a supported Solidity type.", retry: "never" },
  ABI_VALUE: { n: 13, text: "{path} is not a {type}.", fix: "Pass a value of the declared type.", retry: "never" },
  ABI_NOT_CANONICAL: { n: 14, text: "{path} is not canonical ABI: {why}.", fix: RESEND, retry: "never" },
  DIGEST_KIND: {
    n: 15,
    text: "Digest kind {kind} cannot be computed here: {why}.",
    fix: "Use the kind of the model's stage table, with its salt.",
    retry: "never",
  },
  SALT_INVALID: { n: 16, text: "Salt: {why}.", fix: "Use the salt of this boundary.", retry: "never" },
  MERKLE_INVALID: { n: 17, text: "Merkle tree: {why}.", fix: "Give leaves and an index that exist.", retry: "never" },
  FIELD_ELEMENT: {
    n: 18,
    text: "{what} is not below the BN254 scalar field's order.",
    fix: "Reduce or refuse the value.",
    retry: "never",
  },
  SIGNATURE_INVALID: { n: 20, text: "Signature: {why}.", fix: "Refuse the message.", retry: "never" },
  PRIVATE_KEY_INVALID: {
    n: 21,
    text: "The private key is not usable.",
    fix: "Use a key from 1 to n-1.",
    retry: "never",
  },
  SEALED_INVALID: { n: 22, text: "Not a sealed blob: {why}.", fix: RESEND, retry: "never" },
  SEALED_CONTEXT: {
    n: 23,
    text: "The sealed blob belongs to another job, boundary, lane or sender.",
    fix: "Fetch the blob that the offer names.",
    retry: "never",
  },
  SEALED_NOT_FOR_US: {
    n: 24,
    text: "The sealed blob is not sealed to this key.",
    fix: "Ask a holder to seal it to this seat's key.",
    retry: "later",
  },
  SEALED_TAMPERED: { n: 25, text: "The sealed blob was altered at {where}.", fix: "Fetch it elsewhere.", retry: "now" },
  KEY_EXCHANGE: { n: 26, text: "X25519: {why}.", fix: "Refuse the public key.", retry: "never" },
  BLOB_INVALID: { n: 27, text: "Blob: {why}.", fix: "Fetch it from another holder.", retry: "now" },
  BLOB_DIGEST: {
    n: 28,
    text: "Part {expected} has other bytes: they hash to {actual}.",
    fix: "Fetch the part from another holder.",
    retry: "now",
  },
  MESSAGE_INVALID: { n: 29, text: "Message {kind}: {why}.", fix: "Refuse it and its sender.", retry: "never" },
  ENVELOPE_INVALID: { n: 30, text: "Envelope: {why}.", fix: "Refuse the message.", retry: "never" },
  RECEIPT_INVALID: { n: 32, text: "Receipt: {why}.", fix: "Fetch the receipt again.", retry: "never" },
  LEAF_INVALID: {
    n: 33,
    text: "One inference of a batch: {why}.",
    fix: "Take it out of the receipt that the requester wrote, or ask the requester for it.",
    retry: "never",
  },
  SKETCH_INVALID: {
    n: 40,
    text: "Sketch or tolerance: {why}.",
    fix: "Use the tolerance of the model's stage table.",
    retry: "never",
  },
  NOT_FINITE: {
    n: 41,
    text: "Element {index} is infinite or not a number.",
    fix: "Refuse it; a seat whose model yields it abstains.",
    retry: "never",
  },
  CHAIN_BROKEN: {
    n: 43,
    text: "Stage {stage} breaks the chain of boundaries: {why}.",
    fix: "Fetch the receipt again; do not rely on this one.",
    retry: "never",
  },
  AGREEMENT_INVALID: {
    n: 42,
    text: "Agreement cannot be measured: {why}.",
    fix: "Give two or more runs of one model and one question, each with its own seed.",
    retry: "never",
  },
});
