// SPDX-License-Identifier: GPL-3.0-or-later
import type { Dataset } from "../../offchain/engines/program/dataset.ts";

/** Turns 28x28 digits: nearest pixel, outside black. Data that the zoo's models were not trained for. */
export function turnedDigits({ features, ...rest }: Dataset, degrees: number): Dataset {
  const [cos, sin] = [Math.cos((Math.PI * degrees) / 180), Math.sin((Math.PI * degrees) / 180)];
  const out = new Float64Array(features.length);
  for (let row = 0; row < rest.rows; row++) {
    for (let y = 0; y < 28; y++) {
      for (let x = 0; x < 28; x++) {
        const [dx, dy] = [x - 13.5, y - 13.5];
        const [sx, sy] = [Math.round(cos * dx - sin * dy + 13.5), Math.round(sin * dx + cos * dy + 13.5)];
        if (sx < 0 || sx > 27 || sy < 0 || sy > 27) continue;
        out[row * 784 + 28 * y + x] = features[row * 784 + 28 * sy + sx] ?? 0;
      }
    }
  }
  return { ...rest, features: out };
}
