// SPDX-License-Identifier: GPL-3.0-or-later
import { SEALED_SHARE_BYTES, MAX_HEADER_BYTES } from "../../../core/threshold/sealed-input.ts";
import { MAX_MEMBERS } from "../../../core/threshold/draw-committee.ts";

const MIB = 1 << 20;
/** Largest list of one message a member, with its lengths. */
const MAX_LIST = MAX_MEMBERS * 4_096;
const RULES = {
  struct: {
    epochBlocks: "uint32",
    n: "uint8",
    t: "uint8",
    perFamily: "uint8",
    perOperator: "uint8",
    perPlatform: "uint8",
    allowSimulated: "bool",
  },
} as const;
/** A try of a drawn committee; chain, hub and registry are those that the enclave was booted for. */
const COMMITTEE = {
  struct: {
    rules: RULES,
    epoch: "uint32",
    drawHash: "bytes32",
    mask: "uint32",
    attempt: "uint8",
    members: { array: { struct: { key: "address", worker: "address" } } },
  },
} as const;
const ID = { struct: { committeeId: "bytes32" } } as const;
const NOTHING = { struct: { version: "uint8" } } as const;

/**
 * What a host asks of an enclave that is a committee's member, and of one that a committee's shares are for. All that goes in and out is
 * public, or sealed to an enclave.
 */
export const COMMITTEE_MESSAGES = {
  /** Takes part in a try at a key. The tail is its commitment. */
  commit: { number: 32, ask: { struct: { committee: COMMITTEE } }, askTail: 0, reply: NOTHING, replyTail: 4_096 },
  /** Deals, once everybody has committed. The tails are the commitments, and its deal. */
  deal: { number: 33, ask: ID, askTail: MAX_LIST, reply: NOTHING, replyTail: 4_096 },
  /** Judges everybody's deals: signs the key that they make, or complains (`encodeJudgement`). */
  judge: { number: 34, ask: ID, askTail: MAX_LIST, reply: NOTHING, replyTail: 4_096 },
  /** Its share of an input, by the input's header, sealed to one of the enclaves that the client named there. */
  release: {
    number: 35,
    ask: { struct: { jobId: "bytes32", boundary: "uint16", sender: "address", receiver: "bytes32" } },
    askTail: MAX_HEADER_BYTES,
    reply: NOTHING,
    replyTail: SEALED_SHARE_BYTES,
  },
  /**
   * An input sealed to a committee, with shares of it, turned into one sealed to this enclave's own key: as if the client had sealed it so.
   * `wrong`: a bit for each member whose share was wrong, the lowest for the first. Not `opened`: too few good ones came.
   */
  unwrap: {
    number: 36,
    ask: { struct: { jobId: "bytes32", boundary: "uint16", sender: "address" } },
    askTail: 65 * MIB + MAX_MEMBERS * (1 + SEALED_SHARE_BYTES),
    reply: { struct: { opened: "bool", have: "uint8", wrong: "uint32" } },
    replyTail: 65 * MIB,
  },
} as const;
