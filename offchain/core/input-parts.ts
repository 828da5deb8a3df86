// SPDX-License-Identifier: MIT
import type { Hex } from "./bytes.ts";
import { concatTensors } from "./concat-tensors.ts";
import { digestOf } from "./digest.ts";
import { isAssayError } from "./errors.ts";
import { absentDigest, areLanes, partsDigest } from "./join.ts";
import type { InputPart } from "./sealed-input.ts";
import { decodeTensor, encodeTensor } from "./tensor.ts";
import type { DigestKind, StageInfo } from "./types.ts";

/** The digest that parts make together; null if one has not the salt of its kind. */
export function digestParts(kind: DigestKind, parts: readonly InputPart[]): Hex | null {
  try {
    return partsDigest(
      kind,
      parts.map((part) => {
        if ("digest" in part) return part.digest;
        if ("absent" in part) return absentDigest(part.absent);
        return digestOf(kind, part.tensor, part.salt.length === 0 ? undefined : part.salt);
      }),
    );
  } catch (error) {
    if (isAssayError(error)) return null;
    throw error;
  }
}

/**
 * The tensor that a stage takes of a joined input: a lane its own share, any other stage all parts one behind the other. None where a lane
 * was shown the other's share too: whoever holds both reads the input, so no work is done on them.
 */
export function openParts(
  parts: readonly InputPart[],
  table: readonly StageInfo[],
  stage: number,
  maxBytes: number,
): Uint8Array | undefined {
  const lane = areLanes(table) ? stage : null;
  if (lane !== null && parts.some((part, i) => "digest" in part === (i === lane))) return undefined;
  const own = lane === null ? parts : parts.slice(lane, lane + 1);
  const opened = own.flatMap((part) => {
    if ("digest" in part) return [];
    const bytes = "absent" in part ? part.absent : part.tensor;
    return bytes.length <= maxBytes ? [bytes] : [];
  });
  const [only] = opened;
  if (opened.length !== own.length || only === undefined) return undefined;
  if (own.length === 1) return only;
  try {
    return encodeTensor(concatTensors(opened.map((bytes) => decodeTensor(bytes))));
  } catch (error) {
    if (isAssayError(error)) return undefined;
    throw error;
  }
}
