// SPDX-License-Identifier: MIT
import type { Hex } from "viem";
import { partsDigest, fedBy } from "../core/join.ts";
import type { InputPart } from "../core/sealed-input.ts";
import type { DigestKind, Parent } from "../core/types.ts";

/** A job's input that comes in parts: the results of other jobs, or the two shares of a MASKED stage. Made by `joinResults` and `requestMasked`. */
export interface JoinedInput {
  readonly digest: Hex;
  /** What the seats of a stage are given, in the join's order. */
  readonly partsFor: (stage: number) => readonly InputPart[];
  /** Empty for lanes. */
  readonly parents: readonly Parent[];
}

export const isJoinedInput = (input: object): input is JoinedInput => "partsFor" in input;

/** The input of a job over other jobs' results: every seat gets all parts. */
export const joinedOf = (kind: DigestKind, parents: readonly Parent[], parts: readonly InputPart[]): JoinedInput => ({
  digest: partsDigest(kind, parents.map(fedBy)),
  partsFor: () => parts,
  parents,
});
