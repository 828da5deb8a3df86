// SPDX-License-Identifier: GPL-3.0-or-later

export interface WeightTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** Reads float32 tensors by name: u64 length, JSON of places, then the numbers, little-endian. */
export function readSafetensors(bytes: Uint8Array): (name: string) => WeightTensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  const places = JSON.parse(text) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  return (name) => {
    const place = places[name];
    if (place?.dtype !== "F32") throw new TypeError(`There is no float32 tensor ${name}.`);
    const [from, to] = place.data_offsets;
    return { dims: place.shape, data: new Float32Array(bytes.slice(8 + length + from, 8 + length + to).buffer) };
  };
}
