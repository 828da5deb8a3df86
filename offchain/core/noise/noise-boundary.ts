// SPDX-License-Identifier: MIT
import type { Tensor } from "../tensor.ts";
import { discreteGaussian } from "./discrete-gaussian.ts";
import { NoiseError } from "./errors.ts";
import { ceilSqrt, checkMechanism, type NoiseMechanism } from "./mechanism.ts";
import { noiseStream } from "./random-stream.ts";

/**
 * Scales a row down to an L2 norm of at most `clip`, in integers: sign(a)·floor(|a|·clip / ceil(sqrt(Σa²))). Rows within
 * the norm stay as they are.
 */
export function clipRow(row: Int8Array, clip: number): Int8Array {
  // At most 2^24 elements of 2^14.
  const square = row.reduce((sum, value) => sum + value * value, 0);
  if (square <= clip * clip) return row.slice();
  const norm = Number(ceilSqrt(BigInt(square)));
  return row.map((value) => Math.sign(value) * Math.floor((Math.abs(value) * clip) / norm));
}

export interface NoiseParameters {
  readonly mechanism: NoiseMechanism;
  /** Range of the stage that the boundary enters: noised values are brought back into it. */
  readonly lo: number;
  readonly hi: number;
  /** The job's 32 secret bytes. */
  readonly jobSecret: Uint8Array;
  readonly boundary: number;
}

/**
 * Clips each row of an i8 boundary [batch, …] and adds discrete Gaussian noise: what the client does before it commits,
 * so that everything after stays exact. Equal arguments give equal bytes: a retry re-sends them. Error: NOISE_INVALID.
 */
export function noiseBoundary(tensor: Tensor, { mechanism, lo, hi, jobSecret, boundary }: NoiseParameters): Tensor {
  checkMechanism(mechanism);
  const { data, dims } = tensor;
  if (!(data instanceof Int8Array) || (dims[0] ?? 0) < 1)
    throw new NoiseError("NOISE_INVALID", { why: `the boundary is ${tensor.dtype}, not i8 rows` });
  if (lo > hi || lo < -127 || hi > 127) throw new NoiseError("NOISE_INVALID", { why: `no i8 range is ${lo} to ${hi}` });
  const width = data.length / (dims[0] ?? 1);
  const clipped = new Int8Array(data.length);
  for (let at = 0; at < data.length; at += width)
    clipped.set(clipRow(data.subarray(at, at + width), mechanism.clip), at);
  const random = noiseStream(jobSecret, boundary, new Uint8Array(clipped.buffer));
  const sample = discreteGaussian(mechanism.varianceNumerator, mechanism.varianceDenominator);
  const noised = clipped.map((value) => Math.min(hi, Math.max(lo, value + sample(random))));
  return { dtype: "i8", dims, data: noised };
}
