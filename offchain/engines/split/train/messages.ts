// SPDX-License-Identifier: GPL-3.0-or-later
import { ByteReader } from "../../../core/byte-reader.ts";
import { ByteWriter } from "../../../core/byte-writer.ts";
import { isAssayError } from "../../../core/errors.ts";
import { SplitError } from "../errors.ts";
import { matrix, type Matrix } from "../matrix.ts";

export const MESSAGE_KINDS = ["activation", "output", "gradient", "back"] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];
export const MAX_TRAIN_ROWS = 4096;
export const MAX_TRAIN_COLUMNS = 1 << 16;
const MAX_ELEMENTS = 1 << 21;

export interface TrainMessage {
  readonly kind: MessageKind;
  readonly step: number;
  readonly values: Matrix;
}

/** u8 version, u8 kind, u32be step, u32be rows, u32be columns, f64 little-endian. Travels in sealed blobs. */
export function encodeMessage({ kind, step, values }: TrainMessage): Uint8Array {
  const data = new Uint8Array(8 * values.data.length);
  const view = new DataView(data.buffer);
  values.data.forEach((value, i) => view.setFloat64(8 * i, value, true));
  const head = new ByteWriter().u8(1).u8(MESSAGE_KINDS.indexOf(kind)).u32be(step);
  return head.u32be(values.rows).u32be(values.columns).raw(data).finish();
}

/** Reads what the other party sent, and only what is expected now. Error: TRAIN_MESSAGE. */
export function decodeMessage(
  bytes: Uint8Array,
  expected: { readonly kind: MessageKind; readonly step: number; readonly rows?: number; readonly columns: number },
): Matrix {
  const refuse = (reason: string, cause?: unknown) => new SplitError("TRAIN_MESSAGE", { reason }, { cause });
  try {
    const reader = new ByteReader(bytes, "The message");
    if (reader.u8() !== 1) throw refuse("its version is unknown");
    const kind = MESSAGE_KINDS[reader.u8()];
    if (kind !== expected.kind) throw refuse(`${expected.kind} expected`);
    if (reader.u32be() !== expected.step) throw refuse(`it is not of step ${expected.step}`);
    const [rows, columns] = [reader.u32be(), reader.u32be()];
    if (rows < 1 || rows > MAX_TRAIN_ROWS || rows * columns > MAX_ELEMENTS) throw refuse(`it has ${rows} rows`);
    if (columns !== expected.columns) throw refuse(`it has ${columns} columns, not ${expected.columns}`);
    if (expected.rows !== undefined && rows !== expected.rows)
      throw refuse(`it has ${rows} rows, not ${expected.rows}`);
    const raw = reader.raw(8 * rows * columns);
    reader.end();
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    const data = Float64Array.from({ length: rows * columns }, (_, i) => view.getFloat64(8 * i, true));
    if (data.some((value) => !Number.isFinite(value))) throw refuse("it holds numbers that are not finite");
    return matrix(rows, columns, data);
  } catch (error) {
    if (!isAssayError(error) || error.code === "TRAIN_MESSAGE") throw error;
    throw refuse(error.message, error);
  }
}
