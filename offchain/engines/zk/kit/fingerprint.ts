// SPDX-License-Identifier: GPL-3.0-or-later
import { inverse } from "../circuit/field.ts";
import { WIRE_V } from "../r1cs/r1cs.ts";
import { scaled, without, type Form, type RowForms } from "./form.ts";
import { broken, onlyRho, type RoundTypes } from "./round-types.ts";
import type { FingerprintCheck } from "./rounds.ts";

/**
 * Proves that v = Σ words[i] · rho^(n-1-i) with words affine over committed wires, by walking Horner's steps back from v's row. The
 * contract computes v the same way, so the words are its words.
 */
export function fingerprintCheck(
  end: RowForms,
  definitionOf: (wire: number) => RowForms | undefined,
  types: RoundTypes,
): FingerprintCheck {
  const words: Form[] = [];
  let [step, defined, scale] = [end, WIRE_V, 1n];
  for (;;) {
    const { row, a, b, c } = step;
    const by = inverse(c.get(defined) ?? 0n);
    const word = without(c, defined);
    if (!types.isCommitted(word)) throw broken(3, row, defined, "a fingerprint word must be committed");
    words.unshift(scaled(word, -by * scale));
    if (a.size === 0) break;
    const [factor, before] = onlyRho(a) === undefined ? [onlyRho(b), a] : [onlyRho(a), b];
    if (factor === undefined) throw broken(4, row, defined, "a fingerprint is a Horner sum in rho");
    scale = scale * factor * by;
    if (types.isCommitted(before)) {
      words.unshift(scaled(before, scale));
      break;
    }
    const [only] = before;
    const definition = only === undefined ? undefined : definitionOf(only[0]);
    if (before.size !== 1 || only === undefined || definition === undefined)
      throw broken(4, row, defined, "a fingerprint is a Horner sum in rho");
    scale *= only[1];
    [step, defined] = [definition, only[0]];
  }
  return { kind: "fingerprint", row: end.row, words, degree: words.length };
}
