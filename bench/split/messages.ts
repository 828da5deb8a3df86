// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../offchain/core/bytes.ts";

/** What a worker's process is for. Without `stage` it runs all stages, one after the other. */
export interface Place {
  readonly worker: number;
  readonly stages: number;
  readonly stage: number | null;
  /** Convolutions of a stage: about a millisecond each. */
  readonly layers: number;
}

export type Order =
  | { readonly kind: "peers"; readonly urls: Readonly<Record<number, string>> }
  /** `isEarly`: rows are computed and sent as they come, not when all are here. */
  | {
      readonly kind: "run";
      readonly run: number;
      readonly rows: number;
      readonly isEarly: boolean;
      /** Workers of the next stage. */
      readonly to: readonly number[];
      /** Never says the last micro-batch, as if its co-seats had not committed. */
      readonly isHeld: boolean;
    };

export type Word =
  | { readonly kind: "ready"; readonly url: string }
  | { readonly kind: "row"; readonly run: number; readonly rows: number }
  | { readonly kind: "done"; readonly run: number; readonly digest: Hex };
