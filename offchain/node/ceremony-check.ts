// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { hasCode, isAssayError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import { KEY_CEREMONY } from "../core/zk/key-record.ts";
import type { PinnedPtau } from "../engines/zk/ceremony/pinned-ptau.ts";
import { locateKey } from "../engines/zk/keys/locate-key.ts";
import type { Hex } from "../protocol/ports.ts";
import { NodeError } from "./errors.ts";
import { LOCAL_CHAIN, type ProgramSource, type StageCircuits, type StageCircuitsOptions } from "./stage-circuits.ts";

export interface CeremonyCheckOptions extends StageCircuitsOptions {
  /** Phase 1 files, under their published names. */
  readonly phase1Folder?: string;
  /** The published list, unless a test has its own. */
  readonly pins?: readonly PinnedPtau[];
}

/**
 * `verified`: its ceremony holds. `waiting`: to be verified, or being verified. `unverified`: it cannot be verified here. `refused`: it
 * does not hold, or is of another circuit. `development`: made, not by a ceremony. `missing`: not among this worker's keys.
 */
export type CeremonyState = "verified" | "waiting" | "unverified" | "refused" | "development" | "missing";

export interface CheckedCeremony {
  readonly state: CeremonyState;
  /** Of a verified one. */
  readonly contributors?: readonly string[];
  /** Why not, or why not yet. */
  readonly error?: unknown;
}

/** Faults of this machine, or of the file that was found here: they say nothing about the key. */
const OURS = new Set(["STOCK_FAILED", "PTAU_INVALID"]);

/**
 * Runs `verify-setup` once for each key from a ceremony, and remembers what held by the hash of the key's files. Whoever knows a key's
 * secrets forges proofs that courts believe, so nothing of value hangs on one that was not verified.
 */
export class CeremonyCheck {
  readonly #options: CeremonyCheckOptions;
  readonly #circuits: StageCircuits;
  readonly #programs: ProgramSource;
  readonly #logger: Logger;
  readonly #life = new AbortController();
  readonly #states = new Map<string, CheckedCeremony>();
  readonly #looks = new Map<string, Promise<CheckedCeremony>>();

  constructor(
    options: CeremonyCheckOptions,
    modules: { readonly circuits: StageCircuits; readonly programs: ProgramSource; readonly logger: Logger },
  ) {
    this.#options = options;
    this.#circuits = modules.circuits;
    this.#programs = modules.programs;
    this.#logger = modules.logger;
  }

  /** What is known by now; null before the first look, which this begins. */
  known(modelId: Hex, stage: number): CheckedCeremony | null {
    void this.look(modelId, stage);
    return this.#states.get(`${modelId}/${stage}`) ?? null;
  }

  /** What the folder and earlier verifications say, without verifying. Cheap: the files are hashed. Never rejects. */
  look(modelId: Hex, stage: number): Promise<CheckedCeremony> {
    const name = `${modelId}/${stage}`;
    const known = this.#looks.get(name);
    if (known !== undefined) return known;
    const look = this.#look(modelId, stage).catch((error: unknown): CheckedCeremony => ({
      state: "unverified",
      error,
    }));
    this.#looks.set(name, look);
    void look.then((checked) => this.#states.has(name) || this.#states.set(name, checked));
    return look;
  }

  async #look(modelId: Hex, stage: number): Promise<CheckedCeremony> {
    const keyId = this.#programs.table(modelId)?.[stage]?.keyId ?? "0x";
    const found = await locateKey(this.#options.keyFolder, keyId);
    if (found === undefined) return { state: this.#options.chainId === LOCAL_CHAIN ? "development" : "missing" };
    const { folder, key } = found;
    if (key.record.cls !== KEY_CEREMONY) return { state: "development" };
    const { setupContent } = await import("../engines/zk/ceremony/known-setups.ts");
    const known = await this.#recall(keyId, key.record.circuitHash, await setupContent(folder));
    if (known !== null) return known;
    try {
      await this.#phase1(keyId, folder);
      return { state: "waiting" };
    } catch (error) {
      return { state: hasCode(error, "KEY_UNVERIFIED") ? "unverified" : "refused", error };
    }
  }

  async #recall(keyId: Hex, circuitHash: Hex, content: string | null): Promise<CheckedCeremony | null> {
    const { recallSetup } = await import("../engines/zk/ceremony/known-setups.ts");
    const known = content === null ? null : await recallSetup(this.#options.cacheFolder, content);
    if (known?.keyId !== keyId || known.class !== "CEREMONY" || known.circuitHash !== circuitHash) return null;
    return { state: "verified", contributors: known.contributors };
  }

  /** The phase 1 file that a key's ceremony names. Errors: KEY_UNVERIFIED if something is missing, FILE_MALFORMED. */
  async #phase1(keyId: Hex, folder: string): Promise<string> {
    const missing = (reason: string) => new NodeError("KEY_UNVERIFIED", { key: keyId, reason });
    const [{ CEREMONY_JSON, MAX_JSON_BYTES, parseCeremony }, { readLimited }] = await Promise.all([
      import("../engines/zk/ceremony/ceremony-file.ts"),
      import("../engines/zk/ceremony/read-file.ts"),
    ]);
    const path = join(folder, CEREMONY_JSON);
    if (!existsSync(path)) throw missing(`${basename(folder)} holds no ${CEREMONY_JSON}`);
    // A stranger's text: of a path only its last part is used.
    const name = basename(parseCeremony(readLimited(path, MAX_JSON_BYTES)).phase1.name);
    const ptau = join(this.#options.phase1Folder ?? "", name);
    if (this.#options.phase1Folder === undefined || !existsSync(ptau))
      throw missing(`the phase 1 file ${name} is not in prove.phase1`);
    return ptau;
  }

  /**
   * Whether the stage's key is of its program's circuit, then its ceremony unless that is known to hold. Takes a core for minutes, in
   * another process. Never rejects.
   */
  async verify(modelId: Hex, stage: number): Promise<CheckedCeremony> {
    const before = await this.look(modelId, stage);
    if (before.state !== "verified" && before.state !== "waiting" && before.state !== "unverified") return before;
    const checked = await this.#verify(modelId, stage, before);
    this.#states.set(`${modelId}/${stage}`, checked);
    this.#tell(modelId, stage, checked);
    return checked;
  }

  async #verify(modelId: Hex, stage: number, before: CheckedCeremony): Promise<CheckedCeremony> {
    const keyId = this.#programs.table(modelId)?.[stage]?.keyId ?? "0x";
    const { cacheFolder, pins } = this.#options;
    try {
      const { circuit } = await this.#circuits.keysOf(modelId, stage);
      if (before.state !== "waiting") return before;
      const found = await locateKey(this.#options.keyFolder, keyId);
      const { rememberSetup, setupContent } = await import("../engines/zk/ceremony/known-setups.ts");
      const { verifySetupApart } = await import("../engines/zk/ceremony/verify-apart.ts");
      const folder = found?.folder ?? "";
      const content = await setupContent(folder);
      // Another stage or model under the same key may have been first.
      const known = await this.#recall(keyId, circuit.circuitHash, content);
      if (known !== null) return known;
      const ptau = await this.#phase1(keyId, folder);
      const list = pins === undefined ? {} : { pins };
      const report = await verifySetupApart({ circuit, folder, ptau, ...list }, this.#life.signal);
      if (content === null || content !== (await setupContent(folder)) || report.keyId !== keyId)
        throw new NodeError("KEY_UNVERIFIED", { key: keyId, reason: "its files changed meanwhile" });
      await rememberSetup(cacheFolder, { content, circuitHash: circuit.circuitHash, report });
      return { state: "verified", contributors: report.contributors };
    } catch (error) {
      // The folder has a key of this id, so one that was not found for the circuit is another circuit's.
      const isTyped = isAssayError(error) && !OURS.has(error.code) && error.code !== "KEY_UNVERIFIED";
      return { state: isTyped ? "refused" : "unverified", error };
    }
  }

  #tell(modelId: Hex, stage: number, { state, error }: CheckedCeremony): void {
    if (this.#life.signal.aborted) return;
    const digest = this.#programs.table(modelId)?.[stage]?.keyId;
    const place = { model: modelId, stage, ...(digest === undefined ? {} : { digest }) };
    const why = isAssayError(error) ? { code: error.code, fix: error.fix, error } : { error };
    if (state === "verified") this.#logger.info("key.verified", place);
    else if (state === "refused") this.#logger.error("key.refused", { ...place, ...why });
    else this.#logger.warn("key.unverified", { ...place, ...why });
  }

  close(): void {
    this.#life.abort();
  }
}
