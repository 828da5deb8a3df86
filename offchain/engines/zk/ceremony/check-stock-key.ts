// SPDX-License-Identifier: GPL-3.0-or-later
import type { Curve } from "ffjavascript";
import { equalBytes, fromHex } from "../../../core/bytes.ts";
import { CURVE_G1, g1Failure, g2Failure, pointOfG1 } from "../../../core/zk/points.ts";
import { G1_BYTES, type Zkey } from "../keys/zkey-file.ts";
import type { CeremonyFile } from "./ceremony-file.ts";
import { degenerate, sameInBoth } from "./chain.ts";
import { checkDivided } from "./check-points.ts";
import type { CircuitFacts } from "./circuit.ts";
import { CeremonyError } from "./errors.ts";
import { isZeroAt } from "./lem.ts";
import type { Work } from "./phase-1.ts";
import type { StockKey } from "./stock-key.ts";

/** Where a wire's point begins in section 8. */
export const offsetOf = (facts: CircuitFacts, wire: number): number => (wire - facts.publics - 1) * G1_BYTES;

/** Error: CIRCUIT_MISMATCH. */
export function checkCounts({ file, zkey }: StockKey, { wires, publics, domain }: CircuitFacts): void {
  if (zkey.wires !== wires || zkey.publics !== publics || zkey.domain !== domain)
    throw new CeremonyError("CIRCUIT_MISMATCH", { file, reason: "it has other numbers of wires or constraints" });
}

/** THE STRIP RULE: δ2 divides no committed wire's point. Error: COMMITTED_WIRE_EXPOSED. */
export function checkStrip({ file, zkey }: StockKey, facts: CircuitFacts): void {
  for (const { wires } of facts.groups)
    for (let wire = wires.from; wire < wires.from + wires.count; wire++)
      if (!isZeroAt(zkey.c, offsetOf(facts, wire), G1_BYTES))
        throw new CeremonyError("COMMITTED_WIRE_EXPOSED", { file, wire });
}

const UNCHANGED: readonly [keyof Zkey, string][] = [
  ["alpha1", "alpha"],
  ["beta1", "beta"],
  ["beta2", "beta"],
  ["gamma2", "gamma"],
  ["ic", "IC"],
  ["coefficients", "coefficients"],
  ["a", "points A"],
  ["b1", "points B"],
  ["b2", "points B in G2"],
];

/** Contributions that the key's own δ2 does not show would be decoration: the setup was skipped. */
function checkDelta({ file, deltaG1, deltaG2, contributions }: StockKey): void {
  const failure = g1Failure(deltaG1, "it") ?? g2Failure(deltaG2, "it");
  if (failure !== undefined) throw degenerate("delta2", failure);
  const last = contributions.at(-1)?.deltaAfter;
  if (last !== undefined && deltaG1.x === CURVE_G1.BASE.x)
    throw degenerate("delta2", "it is the generator up to its sign");
  const { x, y } = last ?? pointOfG1(CURVE_G1.BASE);
  if (deltaG1.x !== x || deltaG1.y !== y)
    throw new CeremonyError("KEY_DIFFERS", { file, part: "delta2 is not the one with which its transcript ends" });
}

/**
 * That a key is `init` after some contributions to δ2, itself not degenerate: counts, strip, start of its transcript, every section
 * that contributions leave alone, δ2 the same in both groups, sections 8 and 9 divided by it. Whether the contributions are genuine is
 * `verifyFromInit`'s. Errors: CIRCUIT_MISMATCH, COMMITTED_WIRE_EXPOSED, STRIPPED_LATE, KEY_DIFFERS, DELTA_DEGENERATE, POINTS_WRONG.
 */
export async function checkStockKey(
  curve: Curve,
  key: StockKey,
  init: StockKey,
  ceremony: CeremonyFile,
  work: Work = {},
): Promise<void> {
  const { file, zkey } = key;
  const facts = ceremony.circuit;
  checkCounts(key, facts);
  checkStrip(key, facts);
  if (!equalBytes(key.circuitHash, init.circuitHash)) {
    if (facts.groups.length > 0 && equalBytes(key.circuitHash, fromHex(ceremony.stockHash)))
      throw new CeremonyError("STRIPPED_LATE", { file });
    throw new CeremonyError("CIRCUIT_MISMATCH", { file, reason: "its transcript of delta2 begins elsewhere" });
  }
  for (const [section, part] of UNCHANGED)
    if (!equalBytes(zkey[section] as Uint8Array, init.zkey[section] as Uint8Array))
      throw new CeremonyError("KEY_DIFFERS", { file, part });
  checkDelta(key);
  if (!sameInBoth(key.deltaG1, key.deltaG2)) throw degenerate("delta2", "it differs between G1 and G2");
  const { deltaG2 } = key;
  for (const section of ["c", "h"] as const)
    await checkDivided(curve, { delta: "delta2", deltaG2, base: init.zkey[section], points: zkey[section] }, work);
}
