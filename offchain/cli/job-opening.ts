// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { encodeBatch } from "../core/batch-tensors.ts";
import { toHex } from "../core/bytes.ts";
import { encodeTensor, type Tensor } from "../core/tensor.ts";
import { createJobSecret, type JobSecret } from "../sdk/job-secret.ts";
import { nodeCrypto } from "../sdk/node/node-crypto.ts";
import { CliError } from "./errors.ts";
import { writeNewFile } from "./new-file.ts";

/**
 * A job's secret and its input in a folder, as `receipt verify --secret-file --input` reads them, written before anything is sent: who
 * has both can open the job. Never over older ones. Errors: FILE_EXISTS, FILE_UNWRITABLE.
 */
export function keepOpening(folder: string, inputs: Tensor | readonly Tensor[]): JobSecret {
  const secret = createJobSecret(nodeCrypto);
  const bytes = Array.isArray(inputs)
    ? encodeBatch(inputs.map((input: Tensor) => encodeTensor(input)))
    : encodeTensor(inputs as Tensor);
  makeFolder(folder);
  writeNewFile(join(folder, "secret"), `${toHex(secret.reveal())}\n`, 0o600);
  writeNewFile(join(folder, "input"), bytes, 0o600);
  return secret;
}

export const parcelFile = (stage: number): string => `parcel-${stage}`;

/**
 * Of a job over ciphertexts: what the seats of each stage were given, for auditors. It opens nothing that they could read. Never over older
 * ones. Errors: FILE_EXISTS, FILE_UNWRITABLE.
 */
export function keepParcels(folder: string, parcels: readonly Uint8Array[]): void {
  makeFolder(folder);
  for (const [stage, parcel] of parcels.entries()) writeNewFile(join(folder, parcelFile(stage)), parcel, 0o600);
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new CliError(
      "FILE_UNWRITABLE",
      { path: folder, why: String((cause as NodeJS.ErrnoException).code) },
      { cause },
    );
  }
}
