// SPDX-License-Identifier: GPL-3.0-or-later
import { gunzipSync } from "node:zlib";
import { ProgramError } from "../../core/program/errors.ts";
import { tokenise, type TokenTable } from "../../core/program/tokens.ts";

/** Labelled raw rows: what a person measured, before any preprocessing. */
export interface Dataset {
  readonly rows: number;
  /** Features per row. */
  readonly width: number;
  readonly features: Float64Array;
  readonly labels: Int32Array;
}

const MAX_BYTES = 256 << 20;
const fail = (reason: string, cause?: unknown) =>
  new ProgramError("DATASET_MALFORMED", { reason }, cause === undefined ? {} : { cause });

/** CSV with a header line; the last column is the label, a small whole number. Error: DATASET_MALFORMED. */
export function parseCsv(text: string): Dataset {
  const lines = text.split(/\r?\n/).filter((line) => line !== "");
  const columns = lines[0]?.split(",").length ?? 0;
  if (lines.length < 2 || columns < 2) throw fail("it needs a header and at least one row of two columns");
  const features: number[] = [];
  const labels: number[] = [];
  for (const [index, line] of lines.slice(1).entries()) {
    const cells = line.split(",");
    if (cells.length !== columns) throw fail(`row ${index + 1} has ${cells.length} cells, not ${columns}`);
    const numbers = cells.map((cell) => (cell.trim() === "" ? Number.NaN : Number(cell)));
    if (!numbers.every(Number.isFinite)) throw fail(`row ${index + 1} holds a cell that is not a number`);
    const label = numbers.pop() ?? -1;
    if (!Number.isInteger(label) || label < 0 || label > 65535) throw fail(`row ${index + 1} has no label`);
    features.push(...numbers);
    labels.push(label);
  }
  const data = Float64Array.from(features);
  return { rows: labels.length, width: columns - 1, features: data, labels: Int32Array.from(labels) };
}

function idx(gzip: Uint8Array, magic: number, what: string): { dims: number[]; data: Uint8Array } {
  let bytes: Uint8Array;
  try {
    bytes = gunzipSync(gzip, { maxOutputLength: MAX_BYTES });
  } catch (cause) {
    throw fail(`${what} is not gzip, or too large`, cause);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rank = magic & 255;
  if (bytes.length < 4 + 4 * rank || view.getUint32(0) !== magic) throw fail(`${what} is not an IDX file`);
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const data = bytes.subarray(4 + 4 * rank);
  if (data.length === 0 || data.length !== dims.reduce((a, b) => a * b, 1)) throw fail(`${what} has a wrong length`);
  return { dims, data };
}

/**
 * Images (IDX, u8, three dimensions) and labels (IDX, u8), both gzip-compressed. `beside`: so many consecutive images form one row, side by
 * side, whose label their labels are the decimal digits of; images that are left over are dropped. Error: DATASET_MALFORMED.
 */
export function parseIdx(images: Uint8Array, labels: Uint8Array, beside = 1): Dataset {
  const { dims, data } = idx(images, 0x803, "the image file");
  const truth = idx(labels, 0x801, "the label file");
  const [count = 0, height = 0, width = 0] = dims;
  if (truth.data.length !== count) throw fail("there are not as many labels as images");
  if (beside > 1 && truth.data.some((label) => label > 9)) throw fail("a label is no digit");
  const rows = Math.floor(count / beside);
  const line = beside * width;
  const features = new Float64Array(rows * height * line);
  for (let image = 0; image < rows * beside; image++) {
    const start = Math.floor(image / beside) * height * line + (image % beside) * width;
    for (let y = 0; y < height; y++) {
      const from = (image * height + y) * width;
      features.set(data.subarray(from, from + width), start + y * line);
    }
  }
  const number = (row: number) =>
    truth.data.subarray(row * beside, (row + 1) * beside).reduce((value, digit) => 10 * value + digit, 0);
  return { rows, width: height * line, features, labels: Int32Array.from({ length: rows }, (_, row) => number(row)) };
}

/** Lines `label<TAB>text`; the features are the text's rows in the token table. Errors: DATASET_MALFORMED, RAW_INPUT_INVALID. */
export function parseText(text: string, table: TokenTable): Dataset {
  const lines = text.split("\n").filter((line) => line !== "");
  if (lines.length === 0) throw fail("it has no rows");
  const features = new Float64Array(lines.length * table.length);
  const labels = lines.map((line, row) => {
    const tab = line.indexOf("\t");
    const label = Number(line.slice(0, Math.max(0, tab)));
    if (tab < 1 || !Number.isInteger(label) || label < 0 || label > 65535) throw fail(`row ${row + 1} has no label`);
    features.set(tokenise(table, line.slice(tab + 1)), row * table.length);
    return label;
  });
  return { rows: lines.length, width: table.length, features, labels: Int32Array.from(labels) };
}

/** Raw features of row `index`. */
export function rowOf(dataset: Dataset, index: number): Float64Array {
  return dataset.features.subarray(index * dataset.width, (index + 1) * dataset.width);
}

/** The first `rows` rows. */
export function takeRows(dataset: Dataset, rows: number): Dataset {
  const kept = Math.min(rows, dataset.rows);
  const features = dataset.features.subarray(0, kept * dataset.width);
  return { rows: kept, width: dataset.width, features, labels: dataset.labels.subarray(0, kept) };
}

/** The rows of both, for data of one width. Error: DATASET_MALFORMED. */
export function joinDatasets(a: Dataset, b: Dataset): Dataset {
  if (a.width !== b.width) throw new ProgramError("DATASET_MALFORMED", { reason: "two sets of different width" });
  const features = new Float64Array(a.features.length + b.features.length);
  features.set(a.features);
  features.set(b.features, a.features.length);
  return { rows: a.rows + b.rows, width: a.width, features, labels: Int32Array.from([...a.labels, ...b.labels]) };
}
