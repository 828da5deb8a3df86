// SPDX-License-Identifier: MIT
import type { MetaValue } from "../../../core/errors.ts";
import type { CipherStage, TraceCommitment } from "../../../core/she/cipher-stage.ts";
import type { CompactPlaintext } from "../../../core/she/object.ts";
import type { ShePlan } from "../compile/plan.ts";
import type { TraceSources } from "./interpret.ts";
import type { ChallengerMove, DefenderMove, GameView } from "./play.ts";

/** What a trace's thread begins with: it evaluates at once. */
export interface TraceStart {
  readonly plan: ShePlan;
  readonly stage: number;
  readonly facts: CipherStage;
  readonly sources: Omit<TraceSources, "weights">;
  readonly weights: readonly CompactPlaintext[];
}

export type TraceRequest =
  | { readonly id: number; readonly kind: "defend"; readonly game: GameView }
  | {
      readonly id: number;
      readonly kind: "contest";
      readonly game: GameView;
      readonly posted: readonly `0x${string}`[] | Uint8Array;
    };

export type TraceResponse =
  | { readonly id: 0; readonly kind: "ready"; readonly commitment: TraceCommitment }
  | { readonly id: number; readonly kind: "defended"; readonly move: DefenderMove }
  | { readonly id: number; readonly kind: "contested"; readonly move: ChallengerMove }
  | {
      readonly id: number;
      readonly kind: "refused";
      readonly code: string;
      readonly meta: Readonly<Record<string, MetaValue>>;
    };
