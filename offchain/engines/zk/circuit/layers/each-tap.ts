// SPDX-License-Identifier: GPL-3.0-or-later
import type { Window } from "../../../../core/program/types.ts";

/** Calls `visit` with output pixel, input pixel and tap of every tap inside the image. */
export function eachTap(
  window: Window,
  inDims: readonly number[],
  outDims: readonly number[],
  visit: (output: number, input: number, tap: number) => void,
): void {
  const [, height = 1, width = 1] = inDims;
  const [, outHeight = 1, outWidth = 1] = outDims;
  const [kh, kw] = window.kernel;
  for (let output = 0; output < outHeight * outWidth; output++) {
    const y0 = Math.floor(output / outWidth) * window.strides[0] - window.pads[0];
    const x0 = (output % outWidth) * window.strides[1] - window.pads[1];
    for (let tap = 0; tap < kh * kw; tap++) {
      const y = y0 + Math.floor(tap / kw);
      const x = x0 + (tap % kw);
      if (y >= 0 && y < height && x >= 0 && x < width) visit(output, y * width + x, tap);
    }
  }
}
