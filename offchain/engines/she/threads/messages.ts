// SPDX-License-Identifier: MIT
import type { MetaValue } from "../../../core/errors.ts";
import type { CompactPlaintext, SheObject } from "../../../core/she/object.ts";
import type { SheProfile } from "../../../core/she/profiles.ts";
import type { PlanStage } from "../compile/plan.ts";

/** What a lane begins with. */
export interface LaneStart {
  readonly memory: WebAssembly.Memory;
  readonly index: number;
  readonly count: number;
  readonly kernel: WebAssembly.Module;
  readonly profile: SheProfile;
  readonly stage: PlanStage;
  readonly interleave: number;
  readonly weights: readonly CompactPlaintext[];
}

/** Keys go to the first lane alone; it answers before the others begin, so that a refusal leaves nobody waiting. */
export type LaneRequest =
  { readonly kind: "keys"; readonly keys: readonly SheObject[] } | { readonly kind: "run"; readonly input?: SheObject };

export type LaneResponse =
  | { readonly kind: "ready" }
  | { readonly kind: "loaded" }
  | { readonly kind: "output"; readonly output: SheObject }
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly code: string; readonly meta: Readonly<Record<string, MetaValue>> };
