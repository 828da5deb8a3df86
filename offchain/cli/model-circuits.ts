// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import { fromHex } from "../core/bytes.ts";
import type { Check } from "../core/check.ts";
import { KIND_PUBLIC } from "../core/types.ts";
import { BACKEND_ONE_ROUND, BACKEND_WEIGHTS, keyIdOf, readKeyRecord, type KeyRecord } from "../core/zk/key-record.ts";
import type { ProofFile } from "../core/zk/proof-file.ts";
import type { LoadedModel } from "../engines/program/load-program.ts";
import { compileForKey } from "../engines/zk/circuit/compile-circuit.ts";
import type { CircuitOptions } from "../engines/zk/circuit/types.ts";
import type { Io } from "./io.ts";

/** Of the key under which a stage was proven. */
export const keyIdAt = ({ stages }: ProofFile, stage: number): string | undefined =>
  stages[stage] && keyIdOf(fromHex(stages[stage].key));

/** Hashes of the model's circuits, each compiled once however many files are of it. */
export class ModelCircuits {
  readonly #model: LoadedModel;
  readonly #cacheFolder: string;
  readonly #io: Io;
  readonly #hashes = new Map<string, string>();

  constructor(model: LoadedModel, cacheFolder: string, io: Io) {
    this.#model = model;
    this.#cacheFolder = cacheFolder;
    this.#io = io;
  }

  /** Of the stage's circuit in the record's mode, if it has one; else of its plain circuit. */
  async hash(
    stage: number,
    { backend, boundaries, circuitHash }: Pick<KeyRecord, "backend" | "boundaries" | "circuitHash">,
  ): Promise<string> {
    const kinds = boundaries.map(({ kind }) => (kind === KIND_PUBLIC ? "PUBLIC" : "SALTED"));
    const name = [stage, backend, circuitHash, ...kinds].join();
    const known = this.#hashes.get(name);
    if (known !== undefined) return known;
    const { program } = this.#model.stages[stage] as LoadedModel["stages"][number];
    const progress = this.#io.progress("compile");
    const options: CircuitOptions = {
      weights: backend === BACKEND_WEIGHTS ? "private" : "public",
      backend: backend === BACKEND_ONE_ROUND ? "one-round" : "two-round",
      inKinds: kinds.slice(0, -1),
      outKind: kinds.at(-1) ?? "PUBLIC",
      cacheFolder: join(this.#cacheFolder, "circuits"),
      signal: this.#io.signal,
      onProgress: (step) => progress.step(`stage ${stage}: ${step}`),
    };
    const circuit = await compileForKey(program, options, circuitHash);
    progress.done(`stage ${stage}`);
    this.#hashes.set(name, circuit.circuitHash);
    return circuit.circuitHash;
  }

  /** Whether the keys are of the model's circuits, where they are not those that it names. */
  async check(file: ProofFile): Promise<Check[]> {
    const table = this.#model.manifest.model.stages;
    if (file.stages.length !== table.length)
      return [{ name: "circuits", ok: false, detail: `${file.stages.length} stages of the model's ${table.length}` }];
    const checks: Check[] = [];
    for (const [stage, { key, producers, weightsX, weightsY }] of file.stages.entries()) {
      const record = readKeyRecord(fromHex(key));
      const info = table[stage];
      // A circuit with private weights is every training's: only the model's own commitment, under its own key, says which one it was.
      const committed =
        record.backend !== BACKEND_WEIGHTS ||
        (info?.keyId === keyIdAt(file, stage) && info?.weightsX === weightsX && info.weightsY === weightsY);
      const same =
        producers.join() === info?.producers.join() && (await this.hash(stage, record)) === record.circuitHash;
      const detail = !same
        ? `stage ${stage} is another program`
        : committed
          ? `stage ${stage} was proven under a key of the model's circuit`
          : `stage ${stage} was proven with private weights that are not known to be the model's`;
      checks.push({ name: "circuits", ok: same && committed, detail });
    }
    return checks;
  }
}
