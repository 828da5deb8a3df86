// SPDX-License-Identifier: GPL-3.0-or-later
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Hex } from "../../../core/bytes.ts";
import { isAssayError } from "../../../core/errors.ts";
import type { Program } from "../../../core/program/types.ts";
import type { KeyRecord } from "../../../core/zk/key-record.ts";
import { assertKeyClass, LOCAL_CHAIN_ID, openKey, type VerifyingKey } from "../../../core/zk/verifying-key.ts";
import { circuitModes, compileCircuit } from "../circuit/compile-circuit.ts";
import type { CircuitOptions, CompiledCircuit } from "../circuit/types.ts";
import { ProverError } from "../prover/errors.ts";
import { developmentSetup, type SetupOptions } from "../setup/development-setup.ts";
import { backendOf, keyBoundaries, type SetupCircuit } from "../setup/setup-circuit.ts";
import { keyFilesIn, type KeyFiles } from "./key-files.ts";
import { openRecord } from "./locate-key.ts";

export interface KeyStoreOptions {
  /** Holds one folder a ceremony's key, as `assay zk ceremony finish` writes them. */
  readonly keyFolder: string;
  /** Development keys and compiled gadgets; may be deleted at any time. */
  readonly cacheFolder: string;
  readonly chainId: bigint;
}

/** All that a stage's prover needs. */
export interface StageKeys {
  readonly circuit: CompiledCircuit;
  readonly files: KeyFiles;
  readonly key: VerifyingKey;
}

/** Whether the record is of this circuit between these boundaries. */
function fits(record: KeyRecord, circuit: SetupCircuit): boolean {
  const wanted = keyBoundaries(circuit);
  return (
    record.circuitHash === circuit.circuitHash &&
    record.backend === backendOf(circuit) &&
    record.boundaries.length === wanted.length &&
    wanted.every(({ direction, kind, dataLength, headerHash }, i) => {
      const have = record.boundaries[i];
      return (
        have?.direction === direction &&
        have.kind === kind &&
        have.dataLength === dataLength &&
        have.headerHash === headerHash
      );
    })
  );
}

/**
 * Finds the keys of compiled stages. A chain that is not local gets ceremony keys only. What is found is opened by its record; the
 * prover checks the rest when it opens the files.
 */
export class KeyStore {
  readonly #options: KeyStoreOptions;

  constructor(options: KeyStoreOptions) {
    this.#options = options;
  }

  /** Compiles with this store's cache. Errors: the compiler's. */
  compile(program: Program, options: CircuitOptions): Promise<CompiledCircuit> {
    return compileCircuit(program, { cacheFolder: join(this.#options.cacheFolder, "circuits"), ...options });
  }

  /**
   * The key that the stage table names, or without `keyId` any that fits the circuit. Errors: KEY_MISSING, KEY_DEVELOPMENT if what was
   * found is a development key and the chain is not local.
   */
  async find(circuit: CompiledCircuit, keyId?: Hex): Promise<StageKeys> {
    const { keyFolder, cacheFolder, chainId } = this.#options;
    for (const folder of [keyFolder, this.#developmentFolder(cacheFolder)]) {
      const names: string[] = await readdir(folder).catch(() => []);
      for (const name of names.toSorted()) {
        const at = join(folder, name);
        const key = await openRecord(at);
        if (key === undefined || !fits(key.record, circuit)) continue;
        if (keyId !== undefined && key.keyId !== keyId.toLowerCase()) continue;
        assertKeyClass(key, chainId);
        return { circuit, files: keyFilesIn(at), key };
      }
    }
    throw new ProverError("KEY_MISSING", { circuitHash: circuit.circuitHash, folder: keyFolder });
  }

  /** Makes the key unless it is there. ANYONE CAN FORGE under it. Errors: DEVELOPMENT_REFUSED off the local chain, those of `developmentSetup`. */
  async ensureDevelopmentKeys(circuit: CompiledCircuit, options: SetupOptions = {}): Promise<StageKeys> {
    const { cacheFolder, chainId } = this.#options;
    if (chainId !== LOCAL_CHAIN_ID) throw new ProverError("DEVELOPMENT_REFUSED", { chainId });
    const files = await developmentSetup(circuit, this.#developmentFolder(cacheFolder), options);
    return { circuit, files, key: openKey(new Uint8Array(await readFile(files.record))) };
  }

  /**
   * The key that the stage table names, any that fits without `keyId`. Where there is none yet and the chain is local, the development
   * key is made: it is the same on every machine, so it may be the one named. Errors: those of `find` and `ensureDevelopmentKeys`;
   * KEY_MISSING if another key is named.
   */
  async findOrMake(circuit: CompiledCircuit, keyId?: Hex, options: SetupOptions = {}): Promise<StageKeys> {
    try {
      return await this.find(circuit, keyId);
    } catch (error) {
      const missing = isAssayError(error) && error.code === "KEY_MISSING";
      if (!missing || this.#options.chainId !== LOCAL_CHAIN_ID) throw error;
      const made = await this.ensureDevelopmentKeys(circuit, options);
      if (keyId !== undefined && made.key.keyId !== keyId.toLowerCase()) throw error;
      return made;
    }
  }

  /**
   * Circuit and key of a stage as its table names it, in whatever mode the key was made for. Without `keyId` the plain mode. Errors: the
   * compiler's, those of `findOrMake` for the plain mode.
   */
  async ofStage(program: Program, options: CircuitOptions, keyId?: Hex, setup: SetupOptions = {}): Promise<StageKeys> {
    const modes = keyId === undefined ? [options] : circuitModes(program, options);
    let failure: unknown;
    for (const mode of modes) {
      const circuit = await this.compile(program, mode);
      try {
        return await this.findOrMake(circuit, keyId, setup);
      } catch (error) {
        if (!isAssayError(error) || error.code !== "KEY_MISSING") throw error;
        failure ??= error;
      }
    }
    throw failure;
  }

  #developmentFolder(cacheFolder: string): string {
    return join(cacheFolder, "development-keys");
  }
}
