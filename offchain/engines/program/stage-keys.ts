// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../core/bytes.ts";
import { PROOF, ZERO_BYTES32 } from "../../core/types.ts";
import { ProgramError } from "../../core/program/errors.ts";
import type { Program } from "../../core/program/types.ts";
import { keyIdOf } from "../../core/zk/key-record.ts";
import type { CutStage } from "./compile/cut-program.ts";
import type { Recipe } from "./recipe.ts";

/** What a stage's circuit depends on. */
export interface ProvableStage {
  readonly stage: number;
  readonly program: Program;
  readonly weights: "public" | "private";
  /** Circuits in linear-check mode. */
  readonly linearCheck: boolean;
  readonly inKinds: readonly ("PUBLIC" | "SALTED")[];
  readonly outKind: "PUBLIC" | "SALTED";
}

/** A verifying key's record and, if weights are private, the point that commits to them. */
export interface StageKey {
  readonly record: Uint8Array;
  readonly commitment: { readonly x: Hex; readonly y: Hex } | null;
}

/** Compiles a stage's circuit and finds or makes its key. A port: circuits are another engine's, wired by the command line. */
export type StageKeyMaker = (stage: ProvableStage) => Promise<StageKey>;

/** What the stage table says of a stage's proofs. */
export interface StageProofs {
  readonly keyId: Hex;
  readonly weightsX: Hex;
  readonly weightsY: Hex;
  readonly record: Uint8Array | null;
}

const NONE: StageProofs = { keyId: ZERO_BYTES32, weightsX: ZERO_BYTES32, weightsY: ZERO_BYTES32, record: null };

/**
 * The keys of all stages, none if the recipe asks for none. Errors: MODEL_FILE_INVALID if the recipe contradicts itself,
 * PROOFS_UNAVAILABLE, the maker's.
 */
export async function makeStageKeys(
  recipe: Recipe,
  stages: readonly CutStage[],
  maker: StageKeyMaker | undefined,
): Promise<StageProofs[]> {
  const { proofs, digest, acceptedPolicies } = recipe;
  const invalid = (reason: string) => new ProgramError("MODEL_FILE_INVALID", { file: "recipe.json", reason });
  if (proofs === undefined) {
    if (acceptedPolicies.some((mask) => (mask & PROOF) !== 0))
      throw invalid("a policy has PROOF, but `proofs` is missing");
    return stages.map(() => NONE);
  }
  if (digest === "BLINDED") throw invalid("a BLINDED boundary has no proof");
  const { weights: mode, linearCheck = false } = proofs;
  if (linearCheck && mode === "public") throw invalid("linear checks are of private weights");
  if (linearCheck && digest !== "SALTED") throw invalid("linear checks take SALTED boundaries");
  if (maker === undefined) throw new ProgramError("PROOFS_UNAVAILABLE", {});
  const made: StageProofs[] = [];
  for (const [stage, { program }] of stages.entries()) {
    const inKinds = program.inputs.map(() => digest);
    const wish = { stage, program, weights: mode, linearCheck, inKinds, outKind: digest };
    const { record, commitment } = await maker(wish);
    if ((commitment !== null) !== (mode === "private")) throw invalid("weights are committed to if private");
    const weights = { weightsX: commitment?.x ?? ZERO_BYTES32, weightsY: commitment?.y ?? ZERO_BYTES32 };
    made.push({ keyId: keyIdOf(record), ...weights, record });
  }
  return made;
}

/** What `weightsHash` hashes for a stage. */
export const weightsEntry = ({ weightsX, weightsY }: StageProofs) =>
  weightsX === ZERO_BYTES32 && weightsY === ZERO_BYTES32
    ? { mode: "public", commitment: ZERO_BYTES32 }
    : { mode: "private", commitment: `${weightsX}${weightsY.slice(2)}` };
