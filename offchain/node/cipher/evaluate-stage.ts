// SPDX-License-Identifier: GPL-3.0-or-later
import { decodeCipherParcel } from "../../core/she/cipher-parcel.ts";
import { loadStage } from "../../engines/she/model/load-cipher-model.ts";
import { nodeHashes } from "../../engines/she/node-hashes.ts";
import { CipherSeat, type CipherWork } from "../../engines/she/seat/cipher-seat.ts";
import type { Hex } from "../../protocol/ports.ts";

/** What a volunteer has of a stage: as much as its seats were given. */
export interface StageFiles {
  /** Folder of the model over ciphertexts: `program` and `weights-<stage>`. */
  readonly model: string;
  /** The stage's parcel (`encodeCipherParcel`): key roots, keys, ciphertext. */
  readonly parcel: Uint8Array;
  /** The ciphertext that the stage takes, where the parcel has none. */
  readonly input: Uint8Array | null;
}

export interface StageEvaluation {
  readonly seat: CipherSeat;
  readonly work: CipherWork;
  /** What an honest seat votes for. */
  readonly outDigest: Hex;
}

/**
 * Evaluates a stage as a seat would, everything checked against what the chain names: the stage's facts (`kernel`), its input, the job's
 * keys. The caller closes the seat. Errors: FILE_MISSING, BYTES_REFUSED, STAGE_DIFFERS, NOT_CANONICAL, PROFILE_UNKNOWN, WORKER_FAILED.
 */
export async function evaluateStage(
  { model, parcel, input }: StageFiles,
  named: { readonly stage: number; readonly kernel: Hex; readonly inDigest: Hex; readonly keySetRoot: Hex },
): Promise<StageEvaluation> {
  const { stage, kernel, inDigest, keySetRoot } = named;
  const { plan, weights } = await loadStage(model, stage);
  const { keyBodies, keys, input: own } = decodeCipherParcel(parcel);
  const work = { inDigest, input: input ?? own, keySetRoot, keyBodies, keys };
  const seat = await CipherSeat.start({ plan, stage, weights, kernel, hashes: nodeHashes, lanes: 1 });
  try {
    return { seat, work, outDigest: (await seat.evaluate(work)).outDigest };
  } catch (error) {
    await seat.close();
    throw error;
  }
}
