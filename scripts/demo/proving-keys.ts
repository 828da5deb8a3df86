// SPDX-License-Identifier: GPL-3.0-or-later
import { loadAnyModel } from "../../offchain/engines/program/load-any-model.ts";
import { LOCAL_CHAIN_ID } from "../../offchain/core/zk/verifying-key.ts";
import { ZERO_BYTES32 } from "../../offchain/core/types.ts";
import { boundaryKinds } from "../../offchain/node/stage-circuits.ts";
import { DemoError } from "./errors.ts";

export interface ProvingKeysOptions {
  /** Model folder. */
  readonly folder: string;
  /** Where the workers look for circuits and development keys. */
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/**
 * Compiles the stages of a model that name a key and makes their DEVELOPMENT keys, so that the workers find them. Returns the
 * verifying-key records for the chain. Error: KEY_DIFFERS if the manifest names the key of another circuit.
 */
export async function makeProvingKeys(options: ProvingKeysOptions): Promise<readonly Uint8Array[]> {
  const { folder, cacheFolder, signal, progress } = options;
  const model = await loadAnyModel(folder);
  // No proof speaks about floats.
  if ("tolerance" in model) return [];
  const { manifest, stages, keys } = model;
  const table = manifest.model.stages;
  const records: Uint8Array[] = [];
  for (const [index, { keyId }] of table.entries()) {
    const kinds = boundaryKinds(table, index);
    const program = stages[index]?.program;
    const record = keys[index] ?? null;
    if (keyId === ZERO_BYTES32 || kinds === null || program === undefined || record === null) continue;
    // Loaded only where something is proven: the compiler and snarkjs take a second.
    const { KeyStore } = await import("../../offchain/engines/zk/keys/key-store.ts");
    const store = new KeyStore({ keyFolder: folder, cacheFolder, chainId: LOCAL_CHAIN_ID });
    const name = manifest.model.name;
    const onProgress = (step: string) => progress(`development key of ${name}: ${step}`);
    const circuit = await store.compile(program, { weights: "public", ...kinds, signal });
    const { key } = await store.findOrMake(circuit, undefined, { signal, onProgress });
    if (key.keyId !== keyId) throw new DemoError("KEY_DIFFERS", { model: name, stage: index });
    records.push(record);
  }
  return records;
}
