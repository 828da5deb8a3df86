// SPDX-License-Identifier: MIT
import type { Hex } from "./bytes.ts";
import type { NoiseMechanism } from "./noise/mechanism.ts";
import type { Exposure } from "./planning/leakage-limits.ts";
import type { ClientClaim } from "./receipt.ts";

/** What a client says about one of its stages before it signs. */
export type ClientStatement = Pick<ClientClaim, "stage" | "inDigest" | "outDigest">;

/** What a run of the client's stages is about. */
export interface ClientRun {
  /** The job's 32 bytes: salts and noise follow from them, so a second run gives the same bytes. */
  readonly secret: Uint8Array;
  /** Canonical tensor bytes; of a batch, `encodeBatch`'s. */
  readonly bytes: Uint8Array;
  /** Of a batch; 0 for a single tensor. */
  readonly inputs: number;
}

export interface ClientOutcome {
  /** What leaves the last stage of the run, as `ClientRun.bytes`. */
  readonly bytes: Uint8Array;
  /** One statement a stage, in order. */
  readonly statements: readonly ClientStatement[];
}

/** The stages of one model that stay with the client. Everything here is synchronous and runs where the caller is. */
export interface ClientPart {
  readonly modelId: Hex;
  /** What the network's operators see, with the figures that the model id pins. */
  readonly exposure: Exposure;
  /** Clip and noise that the model's report assumes: `before` applies them to what leaves. Null: none. */
  readonly noise: NoiseMechanism | null;
  /** From the raw input to the job's input. Without first stages these are the same bytes. Errors: those of `checkInputs`. */
  before(run: ClientRun): ClientOutcome;
  /** From the job's result, whose digest this is, to the answer. */
  after(run: ClientRun & { readonly outDigest: Hex }): ClientOutcome;
}
