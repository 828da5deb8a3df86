// SPDX-License-Identifier: GPL-3.0-or-later
import { availableParallelism } from "node:os";
import { bigToBytes, toHex } from "../core/bytes.ts";
import { encodeKeyRecord } from "../core/zk/key-record.ts";
import { LOCAL_CHAIN_ID } from "../core/zk/verifying-key.ts";
import type { StageKeyMaker } from "../engines/program/stage-keys.ts";
import { KeyStore, type StageKeys } from "../engines/zk/keys/key-store.ts";
import { chooseProver } from "../engines/zk/prover/choose-prover.ts";
import type { WeightsOpening } from "../engines/zk/prover/prover.ts";
import { opensWeights, registerWeights } from "../engines/zk/weights/register-weights.ts";

export interface ModelKeysOptions {
  /** Ceremonies' keys, one folder each: they come first. */
  readonly keyFolder: string;
  /** Compiled gadgets and development keys; may be deleted. */
  readonly cacheFolder: string;
  /** Openings of earlier commitments, kept where they still open one; new ones are put in. */
  readonly openings?: Map<number, WeightsOpening>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (step: string) => void;
}

const MEMORY_MIB = 2_048;

/** The stage's commitment: the old one if it is of these weights under this key, else a new one with a fresh blind. */
async function committed(
  { circuit, files }: StageKeys,
  old: WeightsOpening | undefined,
  signal: AbortSignal | undefined,
): Promise<WeightsOpening> {
  const prover = await chooseProver().make();
  const key = await prover.open(files, { memoryMiB: MEMORY_MIB, threads: availableParallelism() });
  try {
    if (old !== undefined && (await opensWeights(circuit, key, old, { signal }))) return old;
    return await registerWeights(circuit, key, { signal });
  } finally {
    await key.close();
  }
}

/**
 * Keys for an imported model: a ceremony's key of exactly this circuit if there is one, else a DEVELOPMENT key, under which anyone can
 * forge and which chains other than the local one refuse. Private weights are committed to. Errors: those of the compiler, the setup and
 * the prover.
 */
export function modelKeys(options: ModelKeysOptions): StageKeyMaker {
  const { keyFolder, cacheFolder, signal, onProgress, openings } = options;
  const store = new KeyStore({ keyFolder, cacheFolder, chainId: LOCAL_CHAIN_ID });
  return async ({ stage, program, weights, linearCheck, inKinds, outKind }) => {
    const say = (step: string) => onProgress?.(`stage ${stage}: ${step}`);
    const run = { ...(signal === undefined ? {} : { signal }), onProgress: say };
    const circuit = await store.compile(program, { weights, linearCheck, inKinds, outKind, ...run });
    const found = await store.findOrMake(circuit, undefined, run);
    const record = encodeKeyRecord(found.key.record);
    if (weights === "public") return { record, commitment: null };
    say("commit to the weights");
    const opening = await committed(found, openings?.get(stage), signal);
    openings?.set(stage, opening);
    const { x, y } = opening.commitment;
    return { record, commitment: { x: toHex(bigToBytes(x, 32)), y: toHex(bigToBytes(y, 32)) } };
  };
}
