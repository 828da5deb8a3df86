// SPDX-License-Identifier: GPL-3.0-or-later
import { ByteReader } from "../core/byte-reader.ts";
import { ByteWriter } from "../core/byte-writer.ts";
import type { Hex } from "./ports.ts";
import type { SeatCommit, SeatOpening } from "./seat-machine.ts";

export const SEAT_PROTOCOL = "/assay/seat/1";
/** Largest committee: 4k + 3 at k = 5, and k·L ≤ 31. */
export const MAX_SEATS = 31;
export const MAX_SEAT_MESSAGE = 64 + MAX_SEATS * (97 + 194);

/**
 * One exchange between two holders of a job's votes: what the sender has for one committee, and (in a request) what it lacks. The
 * reply has the same form. There is no envelope around it: every item is itself an EIP-712 statement bound to chain, hub, job, stage,
 * round and seat, so a copy or a replay of it says nothing new, whoever sends it.
 *
 * Bytes, big-endian: u8 version = 2 ‖ bytes32 jobId ‖ u16 stage ‖ u8 round ‖ u32 wantCommits ‖ u32 wantOpenings ‖ u8 n ‖ n × (u8 seat ‖
 * bytes32 commitment ‖ 64 signature) ‖ u8 m ‖ m × (u8 seat ‖ bytes32 outDigest ‖ bytes32 payload ‖ bytes32 salt ‖ bytes32
 * extra ‖ bool signed ‖ [64]).
 */
export interface SeatMessage {
  readonly jobId: Hex;
  readonly stage: number;
  readonly round: number;
  /** Bitmaps of seats whose items the sender lacks. */
  readonly wantCommits: number;
  readonly wantOpenings: number;
  readonly commits: readonly { readonly seat: number; readonly commit: SeatCommit }[];
  readonly openings: readonly { readonly seat: number; readonly opening: SeatOpening }[];
}

export function encodeSeatMessage(message: SeatMessage): Uint8Array {
  const writer = new ByteWriter()
    .u8(2)
    .fixed(message.jobId, 32)
    .u16be(message.stage)
    .u8(message.round)
    .u32be(message.wantCommits)
    .u32be(message.wantOpenings)
    .u8(message.commits.length);
  for (const { seat, commit } of message.commits)
    writer.u8(seat).fixed(commit.commitment, 32).fixed(commit.signature, 64);
  writer.u8(message.openings.length);
  for (const { seat, opening } of message.openings) {
    writer.u8(seat).fixed(opening.outDigest, 32).fixed(opening.payload, 32).fixed(opening.salt, 32);
    writer.fixed(opening.extra, 32);
    writer.bool(opening.signature !== null);
    if (opening.signature !== null) writer.fixed(opening.signature, 64);
  }
  return writer.finish();
}

/** Bytes from anyone. Errors (module core): BYTES_TRUNCATED, BYTES_TRAILING, TOO_LARGE, NOT_CANONICAL. */
export function decodeSeatMessage(bytes: Uint8Array): SeatMessage {
  const reader = new ByteReader(bytes, "The seat message");
  if (reader.u8() !== 2) throw reader.refuse("version");
  const jobId = reader.hex(32);
  const stage = reader.u16be();
  const round = reader.u8();
  const wantCommits = reader.u32be();
  const wantOpenings = reader.u32be();
  const commits = Array.from({ length: reader.count(reader.u8(), MAX_SEATS, 97) }, () => ({
    seat: reader.u8(),
    commit: { commitment: reader.hex(32), signature: reader.hex(64) },
  }));
  const openings = Array.from({ length: reader.count(reader.u8(), MAX_SEATS, 130) }, () => ({
    seat: reader.u8(),
    opening: {
      outDigest: reader.hex(32),
      payload: reader.hex(32),
      salt: reader.hex(32),
      extra: reader.hex(32),
      signature: reader.bool() ? reader.hex(64) : null,
    },
  }));
  reader.end();
  for (const list of [commits, openings])
    for (const [i, { seat }] of list.entries())
      if (seat >= MAX_SEATS || (i > 0 && (list[i - 1]?.seat ?? 0) >= seat)) throw reader.refuse("seats not ascending");
  return { jobId, stage, round, wantCommits, wantOpenings, commits, openings };
}
