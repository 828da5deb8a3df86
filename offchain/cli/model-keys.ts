// SPDX-License-Identifier: GPL-3.0-or-later
import { encodeKeyRecord } from "../core/zk/key-record.ts";
import { LOCAL_CHAIN_ID } from "../core/zk/verifying-key.ts";
import type { StageKeyMaker } from "../engines/program/stage-keys.ts";
import { KeyStore } from "../engines/zk/keys/key-store.ts";
import { CliError } from "./errors.ts";

export interface ModelKeysOptions {
  /** Ceremonies' keys, one folder each: they come first. */
  readonly keyFolder: string;
  /** Compiled gadgets and development keys; may be deleted. */
  readonly cacheFolder: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (step: string) => void;
}

/**
 * Keys for an imported model: a ceremony's key of exactly this circuit if there is one, else a DEVELOPMENT key, under which anyone can
 * forge and which chains other than the local one refuse. Errors: MODEL_WEIGHTS_PRIVATE, those of the compiler and the setup.
 */
export function modelKeys(options: ModelKeysOptions): StageKeyMaker {
  const { keyFolder, cacheFolder, signal, onProgress } = options;
  const store = new KeyStore({ keyFolder, cacheFolder, chainId: LOCAL_CHAIN_ID });
  return async ({ stage, program, weights, inKinds, outKind }) => {
    if (weights === "private") throw new CliError("MODEL_WEIGHTS_PRIVATE", { stage });
    const say = (step: string) => onProgress?.(`stage ${stage}: ${step}`);
    const run = { ...(signal === undefined ? {} : { signal }), onProgress: say };
    const circuit = await store.compile(program, { weights, inKinds, outKind, ...run });
    const found = await store.findOrMake(circuit, undefined, run);
    return { record: encodeKeyRecord(found.key.record), commitment: null };
  };
}
