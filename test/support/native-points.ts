// SPDX-License-Identifier: GPL-3.0-or-later
import { CURVE_G1, CURVE_G2, pointOfG1, pointOfG2 } from "../../offchain/core/zk/points.ts";
import { g1OfLem, g2OfLem, lemOfG1, lemOfG2 } from "../../offchain/engines/zk/keys/lem-points.ts";
import type { NativeAddon } from "../../offchain/engines/zk/prover/native-addon.ts";
import { elementBytes } from "../../offchain/engines/zk/setup/field-arithmetic.ts";
import type { PointMaker } from "./simulated-proof.ts";

const G1 = lemOfG1(pointOfG1(CURVE_G1.BASE));
const G2 = lemOfG2(pointOfG2(CURVE_G2.BASE));

/** The addon's multiples of the generators: thousands of points in a moment. */
export function nativePoints(addon: NativeAddon): PointMaker {
  const kernels = addon.openKernels(addon.paths()[0] ?? "portable", 2);
  const multiples = (group: "g1" | "g2", base: Uint8Array, scalars: readonly bigint[]): Uint8Array[] => {
    const bytes = addon.multiplyBase(
      kernels,
      group,
      base,
      new Uint8Array(Buffer.concat(scalars.map((scalar) => elementBytes(scalar)))),
    );
    return scalars.map((_, i) => bytes.slice(base.length * i, base.length * (i + 1)));
  };
  return {
    g1: (scalars) => multiples("g1", G1, scalars).map(g1OfLem),
    g2: (scalars) => multiples("g2", G2, scalars).map(g2OfLem),
  };
}
