// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fromUtf8 } from "../core/bytes.ts";
import { hasCode } from "../core/errors.ts";
import { decodeManifestFile, type ManifestFile } from "../core/manifest.ts";
import { hasClientStages, jobTable, manifestStage } from "../core/network-part.ts";
import type { Exposure } from "../core/planning/leakage-limits.ts";
import { networkExposure } from "../core/planning/network-exposure.ts";
import type { Logger } from "../core/ports/logger.ts";
import { ProgramError } from "../core/program/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Program } from "../core/program/types.ts";
import type { LoadedStage, ProgramExecutor } from "../engines/program/executor.ts";
import type { FloatExecutor } from "../engines/program/float/float-executor.ts";
import type { LoadedFloatModel } from "../engines/program/float/load-float-model.ts";
import type { LoadedModel } from "../engines/program/load-program.ts";
import type { MaskedStage } from "../engines/program/masked-lane.ts";
import { CipherShelf } from "./cipher-shelf.ts";
import type { Hex, ModelShelf, StageRunner } from "../protocol/ports.ts";
import { NodeError } from "./errors.ts";
import { unsafeStage } from "./judging-keys.ts";

export interface FolderModelShelfOptions {
  readonly folders: readonly string[];
  readonly executor: "onnx" | "reference";
  readonly threads: number;
  /** Keys that may judge this worker's votes; null on the local chain, where stakes are play money. */
  readonly judges: ReadonlySet<Hex> | null;
}

interface Held {
  readonly folder: string;
  readonly file: ManifestFile;
  readonly exposure: Exposure;
}

async function readExposure(folder: string): Promise<Exposure> {
  const { loadAnyModel } = await import("../engines/program/load-any-model.ts");
  const model = await loadAnyModel(folder);
  if ("tolerance" in model) return [];
  const operators = model.stages.map(({ program }) => program.ops.length);
  return networkExposure(model.manifest.model, operators, model.leakage);
}

/** Largest batch that an input may carry, and the widest element: bounds what is read before shapes are checked. */
const MAX_BATCH = 64;
const WIDEST = 4;

/**
 * Models in folders. At start only manifests are read; a model's bytes are loaded and checked, and the engine is imported, when its
 * first job comes: an idle worker stays small. Errors of `stage`: those of `loadModel`.
 */
export class FolderModelShelf implements ModelShelf {
  readonly #options: FolderModelShelfOptions;
  readonly #logger: Logger;
  readonly #manifests = new Map<Hex, Held>();
  /** By folder. */
  readonly #lanes = new Map<string, MaskedStage>();
  /** Of models over ciphertexts. */
  readonly #ciphers: CipherShelf;
  readonly #models = new Map<Hex, Promise<LoadedModel | LoadedFloatModel>>();
  #executor: Promise<ProgramExecutor> | null = null;
  #floats: Promise<FloatExecutor> | null = null;

  private constructor(options: FolderModelShelfOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
    this.#ciphers = new CipherShelf(logger);
  }

  /** Error: MODEL_INVALID for a folder without a readable manifest. */
  static async open(options: FolderModelShelfOptions, modules: { readonly logger: Logger }): Promise<FolderModelShelf> {
    const shelf = new FolderModelShelf(options, modules.logger);
    for (const folder of options.folders) {
      try {
        const bytes = new Uint8Array(await readFile(join(folder, "manifest.json")));
        const file = decodeManifestFile(fromUtf8(bytes, "manifest.json"));
        const stage = options.judges === null ? undefined : unsafeStage(file.model, options.judges);
        if (stage !== undefined) {
          // Seats abstain, which costs nothing; a forged proof would cost the stake.
          modules.logger.warn("model.key-unchecked", { model: file.modelId, stage, path: folder });
          continue;
        }
        // What a stage's ends give away takes its operators; then the model is let go until its first job.
        const exposure = hasClientStages(file.model) ? await readExposure(folder) : [];
        shelf.#manifests.set(file.modelId, { folder, file, exposure });
        for (const inner of await shelf.#ciphers.add(folder, file))
          shelf.#manifests.set(inner.file.modelId, { ...inner, exposure: [] });
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : "unknown";
        throw new NodeError("MODEL_INVALID", { path: folder, reason }, { cause });
      }
    }
    return shelf;
  }

  get modelIds(): readonly Hex[] {
    return [...this.#manifests.keys()].toSorted();
  }

  has(modelId: Hex): boolean {
    return this.#manifests.has(modelId);
  }

  /** Where the model lies; null for unknown models. */
  folder(modelId: Hex): string | null {
    return this.#manifests.get(modelId)?.folder ?? null;
  }

  /** Null for unknown models. */
  name(modelId: Hex): string | null {
    return this.#manifests.get(modelId)?.file.model.name ?? null;
  }

  /** Models over ciphertexts, whose seats make traces. */
  get ciphers(): CipherShelf {
    return this.#ciphers;
  }

  table(modelId: Hex) {
    const known = this.#manifests.get(modelId);
    return known === undefined ? null : jobTable(known.file.model);
  }

  exposure(modelId: Hex): Exposure {
    return this.#manifests.get(modelId)?.exposure ?? [];
  }

  /** Where a job's stage stands in the manifest, and its files; null for unknown models and stages. */
  place(modelId: Hex, stage: number): number | null {
    const known = this.#manifests.get(modelId);
    if (known === undefined || stage >= jobTable(known.file.model).length) return null;
    return manifestStage(known.file.model, stage);
  }

  async stage(modelId: Hex, index: number) {
    const known = this.#manifests.get(modelId);
    if (known === undefined) return null;
    if (this.#ciphers.has(modelId)) return this.#ciphers.stage(modelId, index);
    const model = await this.#load(modelId, known.folder);
    if ("tolerance" in model) return index === 0 ? this.#floatStage(model) : null;
    const stage = model.stages[this.place(modelId, index) ?? -1];
    if (stage === undefined) return null;
    const executor = await this.#engine();
    if (model.isMasked) return this.#lane(known.folder, stage, index === 0, executor);
    const elements = stage.program.inputs.map(({ dims }) => dims.reduce((product, dim) => product * dim, 1));
    return {
      maxInputBytes: 64 + WIDEST * MAX_BATCH * Math.max(...elements),
      run: async (inputs: Parameters<ProgramExecutor["run"]>[1]) => {
        const { outputs, probe } = await executor.run(stage, inputs);
        const [output] = outputs;
        if (output === undefined)
          throw new NodeError("MODEL_INVALID", { path: known.folder, reason: "a stage without output" });
        return { output, probe: probe ?? null };
      },
    };
  }

  /** Zeros in the shape of a stage's inputs; null for unknown models, stages and float models. Errors: those of `loadModel`. */
  async sample(modelId: Hex, index: number): Promise<readonly Tensor[] | null> {
    const known = this.#manifests.get(modelId);
    if (known === undefined) return null;
    const model = await this.#load(modelId, known.folder);
    if ("tolerance" in model) return null;
    const inputs = model.stages[this.place(modelId, index) ?? -1]?.program.inputs ?? null;
    return (
      inputs?.map(({ dtype, dims: shape }): Tensor => {
        const dims = [1, ...shape];
        const size = dims.reduce((product, dim) => product * dim, 1);
        if (model.isMasked) return { dtype: "u32-mod", dims, data: new Uint32Array(size) };
        return dtype === "i8"
          ? { dtype, dims, data: new Int8Array(size) }
          : { dtype, dims, data: new Int32Array(size) };
      }) ?? null
    );
  }

  /** A lane of a MASKED stage: the linear operator on one share. Lane A adds the bias. */
  async #lane(folder: string, stage: LoadedStage, addsBias: boolean, executor: ProgramExecutor): Promise<StageRunner> {
    const { loadMaskedStage, runLane } = await import("../engines/program/masked-lane.ts");
    // Made once, so that the executor keeps its session; its errors were the loader's.
    const masked = this.#lanes.get(folder) ?? loadMaskedStage(stage);
    this.#lanes.set(folder, masked);
    const elements = stage.program.inputs.map(({ dims }) => dims.reduce((product, dim) => product * dim, 1));
    return {
      maxInputBytes: 64 + 4 * MAX_BATCH * Math.max(...elements),
      run: async (shares) => {
        try {
          return { output: await runLane(masked, shares, addsBias, executor), probe: null };
        } catch (error) {
          // The digest is right but the tensor is no share: every honest seat finds the same.
          if (!hasCode(error, "SHARE_INVALID")) throw error;
          throw new ProgramError("INPUT_SHAPE", { input: 0, expected: "a share", actual: "another tensor" });
        }
      },
    };
  }

  /** A float model's one stage. Its answers are other machines' up to the model's tolerance only. */
  async #floatStage({ program }: LoadedFloatModel): Promise<StageRunner> {
    const executor = await this.#floatEngine();
    const elements = program.graph.inputDims.reduce((product, dim) => product * dim, 1);
    return {
      maxInputBytes: 64 + WIDEST * MAX_BATCH * elements,
      run: async ([input]) => {
        if (input === undefined) throw new NodeError("MODEL_INVALID", { path: "", reason: "a stage without input" });
        return { output: await executor.run(program, input), probe: null };
      },
    };
  }

  /** The integer program of a stage, for provers; null for unknown models and stages. Errors: those of `loadModel`. */
  async program(modelId: Hex, stage: number): Promise<Program | null> {
    const known = this.#manifests.get(modelId);
    if (known === undefined || this.#ciphers.has(modelId)) return null;
    const model = await this.#load(modelId, known.folder);
    return "tolerance" in model ? null : (model.stages[this.place(modelId, stage) ?? -1]?.program ?? null);
  }

  async #load(modelId: Hex, folder: string): Promise<LoadedModel | LoadedFloatModel> {
    let model = this.#models.get(modelId);
    if (model === undefined) {
      const started = performance.now();
      model = import("../engines/program/load-any-model.ts").then(({ loadAnyModel }) => loadAnyModel(folder));
      this.#models.set(modelId, model);
      model.then(
        () =>
          this.#logger.info("model.loaded", { model: modelId, durationMs: Math.round(performance.now() - started) }),
        () => this.#models.delete(modelId),
      );
    }
    return model;
  }

  /** One engine for all models; a failed import is forgotten, so that the next job tries again. */
  async #engine(): Promise<ProgramExecutor> {
    if (this.#executor !== null) return this.#executor;
    const engine = this.#import();
    this.#executor = engine;
    engine.catch(() => (this.#executor = null));
    return engine;
  }

  async #floatEngine(): Promise<FloatExecutor> {
    if (this.#floats !== null) return this.#floats;
    const { threads } = this.#options;
    const engine = import("../engines/program/float/float-executor.ts").then(({ createFloatExecutor }) =>
      createFloatExecutor({ threads }),
    );
    this.#floats = engine;
    engine.catch(() => (this.#floats = null));
    return engine;
  }

  async #import(): Promise<ProgramExecutor> {
    const { executor, threads } = this.#options;
    if (executor === "reference")
      return import("../engines/program/reference-executor.ts").then(({ createReferenceExecutor }) =>
        createReferenceExecutor(),
      );
    return import("../engines/program/threaded-executor.ts").then(({ createThreadedExecutor }) =>
      createThreadedExecutor({ threads }),
    );
  }

  async close(): Promise<void> {
    await (await this.#executor)?.close();
    await (await this.#floats)?.close();
    await this.#ciphers.close();
  }
}
