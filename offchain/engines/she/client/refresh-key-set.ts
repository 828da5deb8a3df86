// SPDX-License-Identifier: MIT
import type { Hex } from "../../../core/bytes.ts";
import type { CipherKeySetOptions } from "./cipher-key-set.ts";
import { JobKeys } from "./job-keys.ts";
import type { LinearCheck } from "./linear-check.ts";
import { openRefreshModel, type RefreshModelStep } from "./refresh-model.ts";
import type { CipherModel } from "./cipher-model.ts";
import { SheError } from "../../../core/she/errors.ts";
import { RefreshSession } from "./refresh-session.ts";
import { SheClient } from "./she-client.ts";

export interface RefreshKeySetOptions extends Omit<CipherKeySetOptions, "model" | "finish"> {
  /** The steps' models, in order: `loadRefreshModels`. */
  readonly models: readonly CipherModel[];
  /** One a step: of public weights (`LinearCheck.prepare`), or proven by their owner (`requestLinearCheck`). */
  readonly checks?: readonly (LinearCheck | undefined)[];
}

/**
 * One secret key of a client for all steps of a refreshed program, each with the evaluation keys of its own model. Retired as a whole. The
 * secret never leaves it but by `exportRoot`. Takes some seconds to make, on the caller's thread. Errors: BYTES_REFUSED, CLIENT_ROOT.
 */
export class RefreshKeySet {
  readonly steps: readonly RefreshModelStep[];
  readonly session: RefreshSession;
  readonly #client: SheClient;
  readonly #keys: readonly JobKeys[];

  constructor(options: RefreshKeySetOptions) {
    const { models, checks, finality, ledger, hashes, root } = options;
    this.steps = openRefreshModel(models);
    const [first] = this.steps;
    // Never empty: `openRefreshModel` refuses that.
    const profile = (first as RefreshModelStep).compiled.plan.profile;
    this.#client = new SheClient({ ...options, profile }, root);
    this.#keys = this.steps.map(({ compiled }) => new JobKeys(compiled.plan, this.#client, hashes));
    const { steps: stages } = this;
    const client = this.#client;
    this.session = new RefreshSession({ client, stages, finality, ledger, hashes, ...(checks && { checks }) });
  }

  /** What the job of a step names as its keys (`inputRef`). */
  keySetRoot(step: number): Hex {
    return this.#keysOf(step).keySetRoot;
  }

  /** What the seats of a step's one stage are given. */
  parcel(step: number, input: Uint8Array | null): Uint8Array {
    return this.#keysOf(step).parcel(0, input);
  }

  /** For the owner's own safe store: whoever has it reads all inputs, activations and results. Error: CLIENT_FORGOTTEN. */
  exportRoot(): Uint8Array {
    return this.#client.exportRoot();
  }

  /** Overwrites the secret: what was encrypted under it cannot be read any more. */
  forget(): void {
    this.#client.forget();
  }

  #keysOf(step: number): JobKeys {
    const keys = this.#keys[step];
    if (keys === undefined) throw new SheError("NO_SAMPLE", { sample: step, samples: this.#keys.length });
    return keys;
  }
}
