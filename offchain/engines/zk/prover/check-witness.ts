// SPDX-License-Identifier: GPL-3.0-or-later
import { asWords, FIELD_BYTES, FIELD_WORDS, isReduced } from "../r1cs/field-words.ts";
import { ProverError } from "./errors.ts";

export const malformed = (reason: string) => new ProverError("WITNESS_MALFORMED", { reason });

/** What every prover asks of a witness before it computes anything. Error: WITNESS_MALFORMED. */
export function checkWitness(values: Uint8Array, wires: number): void {
  if (values.length !== wires * FIELD_BYTES) throw malformed(`it has ${values.length} bytes for ${wires} wires`);
  const words = asWords(values);
  for (let wire = 0; wire < wires; wire++)
    if (!isReduced(words, wire * FIELD_WORDS)) throw malformed(`the value of wire ${wire} is not reduced`);
  if (words[0] !== 1 || words.subarray(1, FIELD_WORDS).some((word) => word !== 0)) throw malformed("wire 0 is not 1");
}

/** Of weights: the blind comes from a file. Error: WITNESS_MALFORMED. */
export function checkBlind(blind: Uint8Array): void {
  if (blind.length !== FIELD_BYTES || !isReduced(asWords(blind), 0))
    throw malformed("the weights' blind is not reduced");
}
