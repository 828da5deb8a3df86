// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex } from "../core/bytes.ts";
import { commitSet } from "../core/claim.ts";
import { decodeTolerance, sketchB, tallySketches, type SketchTally, type Tolerance } from "../core/sketch.ts";
import { decodeTensor } from "../core/tensor.ts";
import { ZERO_BYTES32, type Delivery, type SketchVotes } from "../core/types.ts";
import { quorum } from "../core/vote.ts";
import { splitSignature } from "./ballot.ts";
import { ProtocolError } from "./errors.ts";
import type { Hex } from "./ports.ts";
import { isAbstention } from "./said.ts";
import type { SeatOpening, SeatState } from "./seat-machine.ts";
import type { SessionState } from "./session-state.ts";

const NOT_SUPPLIED = 255;
const NOTHING = ZERO_BYTES32;

/** What a seat's opening says in class T; undefined where it is not known. */
export type ShownOpening = Pick<SeatOpening, "outDigest" | "payload" | "extra" | "salt" | "signature">;

/** The stage's tolerance, from the manifest that its model id stands for. Error: SKETCH_INVALID for a stage without one. */
export function toleranceOf(state: SessionState, stage: number): Tolerance {
  return decodeTolerance(state.table?.[stage]?.weightsY ?? NOTHING);
}

/** Sketch B of this seat's own output under a set of commitments; 0 for an abstention. */
export function sketchBOf(state: SessionState, seat: SeatState, set: Hex): Hex {
  if (!state.isTolerant || seat.vote === null || isAbstention(seat.vote.outDigest)) return NOTHING;
  if (seat.output === null || seat.seed === null) throw new ProtocolError("RECORD_UNKNOWN", { job: state.jobId });
  const { data } = decodeTensor(fromHex(seat.output));
  return sketchB(new Float32Array(data), toleranceOf(state, seat.stage), seat.seed, set);
}

/** Commitments on the chain in seat order, 0 for seats without one, as the hub hashes them. */
export const chainSet = (posted: readonly (Hex | undefined)[]): Hex => commitSet(posted.map((one) => one ?? NOTHING));

/** Openings as the hub takes them: distinct triples, and a pointer a seat. */
export function toSketchVotes(openings: readonly (ShownOpening | undefined)[]): SketchVotes {
  const [outs, a, b]: [Hex[], Hex[], Hex[]] = [[], [], []];
  const seats = openings.map((opening) => {
    if (opening === undefined) return { which: NOT_SUPPLIED, salt: NOTHING, r: NOTHING, vs: NOTHING };
    const { outDigest, payload, extra, salt, signature } = opening;
    let which = outs.findIndex((out, i) => out === outDigest && a[i] === payload && b[i] === extra);
    if (which < 0) {
      which = outs.push(outDigest) - 1;
      a.push(payload);
      b.push(extra);
    }
    const [r, vs] = splitSignature(signature);
    return { which, salt, r, vs };
  });
  return { outs, a, b, seats };
}

const countAgreeing = ({ agreeing }: SketchTally) => agreeing.filter(Boolean).length;

/**
 * Whose output a count delivers: the lowest agreeing seat's whose output is this seat's own. Null if there is a quorum and this seat's
 * output is none that agrees: then another must send the count.
 */
export function deliveryOf(
  state: SessionState,
  seat: SeatState,
  openings: readonly (ShownOpening | undefined)[],
): Delivery | null {
  const votes = openings.map((opening) =>
    opening === undefined || isAbstention(opening.outDigest) ? undefined : { a: opening.payload, b: opening.extra },
  );
  const tally = tallySketches(votes, toleranceOf(state, seat.stage).tau);
  const past = seat.round === 0 ? undefined : state.memory.sketched?.[seat.stage];
  const [pastA, pastB] = [past?.a ?? [], past?.b ?? []];
  if (countAgreeing(tally) < quorum(seat.seats.length)) return { seat: 0, output: "0x", pastA, pastB };
  const own = seat.vote?.outDigest;
  const at = openings.findIndex((opening, i) => tally.agreeing[i] === true && opening?.outDigest === own);
  return at < 0 || seat.output === null ? null : { seat: at, output: seat.output, pastA, pastB };
}
