// SPDX-License-Identifier: MIT
import { SheError } from "../../../core/she/errors.ts";

/** One decrypted evaluation: which key set, and its largest |slot - exact| in slots' units. */
export interface Observation {
  readonly keySet: number;
  readonly error: number;
}

/** What a tolerance must rest on. */
export const LEAST_OBSERVATIONS = { evaluations: 1000, keySets: 4 };
const MARGIN = 4;

/**
 * The registered tolerance of a SHE program: four times the largest error seen over at least 1,000 evaluations under at least four
 * key sets (`least`: fewer, for programs of tests). Error: TOLERANCE_THIN with fewer.
 */
export function toleranceOf(observations: readonly Observation[], least = LEAST_OBSERVATIONS): number {
  const keySets = new Set(observations.map(({ keySet }) => keySet)).size;
  const { evaluations, keySets: wanted } = least;
  if (observations.length < evaluations || keySets < wanted)
    throw new SheError("TOLERANCE_THIN", { evaluations: observations.length, keySets });
  const largest = observations.reduce((most, { error }) => Math.max(most, error), 0);
  if (!Number.isFinite(largest)) throw new SheError("TOLERANCE_THIN", { evaluations: 0, keySets });
  return MARGIN * largest;
}
