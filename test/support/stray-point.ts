// SPDX-License-Identifier: GPL-3.0-or-later
import { bn254 } from "@noble/curves/bn254.js";
import type { G2Point } from "../../offchain/core/zk/points.ts";

/** On the curve over Fq², but outside the group of order r. */
export function strayG2(): G2Point {
  const { Fp2 } = bn254.fields;
  for (let c0 = 1n; ; c0++) {
    const x = Fp2.fromBigTuple([c0, 0n]);
    const square = Fp2.add(Fp2.mul(Fp2.sqr(x), x), bn254.G2.Point.CURVE().b);
    // Every second x has a point; noble's sqrt throws on the others.
    if (!Fp2.eql(Fp2.pow(square, (Fp2.ORDER - 1n) / 2n), Fp2.ONE)) continue;
    const y = Fp2.sqrt(square);
    return { x: [x.c0, x.c1], y: [y.c0, y.c1] };
  }
}
