// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import { hasCode, isAssayError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import { chooseProver, type ProverChoice } from "../engines/zk/prover/choose-prover.ts";
import type { WeightsOpening } from "../engines/zk/prover/prover.ts";
import type { Hex } from "../protocol/ports.ts";
import { NodeError } from "./errors.ts";
import type { ProgramSource, StageCircuits } from "./stage-circuits.ts";

export interface WeightsCheckOptions {
  /** `<model id>/<stage>.opening`; empty: each in its model's folder, `keys/<stage>.opening`. */
  readonly openingsFolder?: string;
  /** What opens the key for the check. */
  readonly prover?: ProverChoice;
  readonly memoryMiB: number;
  readonly threads: number;
}

/** `opened`: C_w holds these weights. `refused`: it does not, or nobody can say so with this opening. `unknown`: it could not be tried. */
export type WeightsState = "opened" | "refused" | "unknown";

export interface CheckedWeights {
  readonly state: WeightsState;
  /** Only where it opened. Secret: whoever has it and the weights can prove. */
  readonly opening?: WeightsOpening;
  /** Why not. */
  readonly error?: unknown;
}

/** What could not be tried is tried again, but not for every question. */
const AGAIN_MS = 60_000;

/**
 * Whether registered commitments hold the weights that this worker has. Nothing on chain says so: behind a rigged C_w stands another
 * function, and a true proof of it would overrule honest votes. Each stage is checked once, one at a time.
 */
export class WeightsCheck {
  readonly #options: WeightsCheckOptions;
  readonly #circuits: StageCircuits;
  readonly #programs: ProgramSource;
  readonly #logger: Logger;
  readonly #checks = new Map<string, Promise<CheckedWeights>>();
  readonly #done = new Map<string, CheckedWeights>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    options: WeightsCheckOptions,
    modules: { readonly circuits: StageCircuits; readonly programs: ProgramSource; readonly logger: Logger },
  ) {
    this.#options = options;
    this.#circuits = modules.circuits;
    this.#programs = modules.programs;
    this.#logger = modules.logger;
  }

  /** What is known by now; null while the check runs, which this begins. */
  known(modelId: Hex, stage: number): CheckedWeights | null {
    void this.check(modelId, stage);
    return this.#done.get(`${modelId}/${stage}`) ?? null;
  }

  /** Never rejects. */
  check(modelId: Hex, stage: number): Promise<CheckedWeights> {
    const name = `${modelId}/${stage}`;
    const known = this.#checks.get(name);
    if (known !== undefined) return known;
    const check = this.#last.then(() => this.#judge(modelId, stage));
    this.#last = check;
    this.#checks.set(name, check);
    void check.then((checked) => {
      this.#done.set(name, checked);
      if (checked.state === "unknown") setTimeout(() => this.#checks.delete(name), AGAIN_MS).unref();
    });
    return check;
  }

  async #judge(modelId: Hex, stage: number): Promise<CheckedWeights> {
    const started = performance.now();
    const place = { model: modelId, stage };
    try {
      const opening = await this.#open(modelId, stage);
      this.#logger.info("weights.opened", { ...place, durationMs: Math.round(performance.now() - started) });
      return { state: "opened", opening };
    } catch (error) {
      const why = isAssayError(error) ? { code: error.code, fix: error.fix } : {};
      if (hasCode(error, "WEIGHTS_UNOPENED")) {
        this.#logger.error("weights.refused", { ...place, ...why, error });
        return { state: "refused", error };
      }
      this.#logger.warn("weights.unchecked", { ...place, ...why, error });
      return { state: "unknown", error };
    }
  }

  /** Errors: OPENING_MISSING, OPENING_INVALID, WEIGHTS_UNOPENED, those of `StageCircuits.keysOf` and of opening the key. */
  async #open(modelId: Hex, stage: number): Promise<WeightsOpening> {
    const info = this.#programs.table(modelId)?.[stage];
    const path = await this.#path(modelId, stage);
    const { readOpening } = await import("../engines/zk/weights/opening-files.ts");
    const opening = path === null ? undefined : readOpening(path);
    if (info === undefined || opening === undefined)
      throw new NodeError("OPENING_MISSING", { model: modelId, stage, path: path ?? "no folder" });
    const unopened = (reason: string, cause?: unknown) =>
      new NodeError("WEIGHTS_UNOPENED", { model: modelId, stage, reason }, { cause });
    const { x, y } = opening.commitment;
    if (x !== BigInt(info.weightsX) || y !== BigInt(info.weightsY))
      throw unopened("it is the opening of another commitment");
    const { circuit, files } = await this.#circuits.keysOf(modelId, stage);
    const { opensWeights } = await import("../engines/zk/weights/register-weights.ts");
    const { memoryMiB, threads } = this.#options;
    const prover = await chooseProver(this.#options.prover).make();
    const key = await prover.open(files, { memoryMiB, threads });
    try {
      const opens = await opensWeights(circuit, key, opening).catch((error: unknown) => {
        if (hasCode(error, "WITNESS_MALFORMED")) throw unopened("its blind is no element of the field", error);
        throw error;
      });
      if (!opens) throw unopened("the commitment is of other weights, or the blind is another's");
      return opening;
    } finally {
      await key.close();
    }
  }

  async #path(modelId: Hex, stage: number): Promise<string | null> {
    const { openingsFolder = "" } = this.#options;
    if (openingsFolder !== "") return join(openingsFolder, modelId, `${stage}.opening`);
    const folder = this.#programs.folder?.(modelId) ?? null;
    const { openingFile } = await import("../engines/zk/weights/opening-files.ts");
    return folder === null ? null : join(folder, openingFile(this.#programs.place?.(modelId, stage) ?? stage));
  }
}
