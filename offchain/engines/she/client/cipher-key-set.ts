// SPDX-License-Identifier: MIT
import type { Hex } from "../../../core/bytes.ts";
import type { Finish } from "../../../core/program/types.ts";
import type { CipherModel } from "./cipher-model.ts";
import { CipherSession, type FinalityPort } from "./cipher-session.ts";
import { JobKeys } from "./job-keys.ts";
import type { KeyLedger } from "./key-ledger.ts";
import { SheClient, type SheClientOptions } from "./she-client.ts";

export interface CipherKeySetOptions extends Omit<SheClientOptions, "profile"> {
  readonly model: CipherModel;
  /** The plain program's last rounding: `finishOf`. */
  readonly finish: Finish;
  readonly finality: FinalityPort;
  /** As durable as the root: counts that a restart forgets protect nothing. */
  readonly ledger: KeyLedger;
  /** Kept from `exportRoot`; a new secret is drawn without. */
  readonly root?: Uint8Array;
}

/**
 * One secret key of a client with the evaluation keys that a model's stages need, made once, for one job after another. The secret never
 * leaves it but by `exportRoot`. Takes a second or so to make, on the caller's thread. Errors: CLIENT_ROOT.
 */
export class CipherKeySet {
  readonly model: CipherModel;
  readonly session: CipherSession;
  /** What a job names as its keys (`inputRef`). */
  readonly keySetRoot: Hex;
  readonly #client: SheClient;
  readonly #keys: JobKeys;

  constructor(options: CipherKeySetOptions) {
    const { model, finish, finality, ledger, hashes, root } = options;
    const { plan } = model.program;
    this.model = model;
    this.#client = new SheClient({ ...options, profile: plan.profile }, root);
    this.#keys = new JobKeys(plan, this.#client, hashes);
    this.keySetRoot = this.#keys.keySetRoot;
    const { tolerance } = model;
    this.session = new CipherSession({ client: this.#client, plan, tolerance, finish, finality, ledger, hashes });
  }

  /** What the seats of a stage are given; `input`: the ciphertext that it takes, null where the stage before makes it. */
  parcel(stage: number, input: Uint8Array | null): Uint8Array {
    return this.#keys.parcel(stage, input);
  }

  /** For the owner's own safe store: whoever has it reads all inputs and results. Error: CLIENT_FORGOTTEN. */
  exportRoot(): Uint8Array {
    return this.#client.exportRoot();
  }

  /** Overwrites the secret: what was encrypted under it cannot be read any more. */
  forget(): void {
    this.#client.forget();
  }
}
