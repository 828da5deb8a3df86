// SPDX-License-Identifier: MIT
import type { Hex } from "viem";
import { partsDigest, fedBy } from "../core/join.ts";
import { encodeSealedInput, JOB_INPUT, type InputPart } from "../core/sealed-input.ts";
import type { DigestKind, Parent } from "../core/types.ts";

/** A job's input that comes in parts: the results of other jobs, or the two shares of a MASKED stage. Made by `joinResults` and `requestMasked`. */
export interface JoinedInput {
  readonly digest: Hex;
  /** What the seats of a stage are given, in the join's order. */
  readonly partsFor: (stage: number) => readonly InputPart[];
  /** Empty for lanes. */
  readonly parents: readonly Parent[];
  /** All parts, encoded: what its owner shows an auditor (`receipt verify --input`), and nobody else. */
  readonly opening: Uint8Array;
}

export const isJoinedInput = (input: object): input is JoinedInput => "partsFor" in input;

/** As sealed inputs hold them, for no stage in particular: several parts, or one that is an input like any other. */
export function openingOf(parts: readonly InputPart[]): Uint8Array {
  const [only] = parts;
  if (parts.length > 1 || only === undefined || !("tensor" in only))
    return encodeSealedInput({ stage: 0, salts: [], tensors: [], parts });
  const salts = only.salt.length === 0 ? [] : [{ boundary: JOB_INPUT, salt: only.salt }];
  return encodeSealedInput({ stage: 0, salts, tensors: [{ boundary: JOB_INPUT, tensor: only.tensor }] });
}

/** The input of a job over other jobs' results: every seat gets all parts. */
export const joinedOf = (kind: DigestKind, parents: readonly Parent[], parts: readonly InputPart[]): JoinedInput => ({
  digest: partsDigest(kind, parents.map(fedBy)),
  partsFor: () => parts,
  parents,
  opening: openingOf(parts),
});
