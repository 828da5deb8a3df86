// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex, ModelShelf } from "../protocol/ports.ts";
import type { KeyChecks } from "./key-checks.ts";

/** A shelf that answers for a stage only where its key and its committed weights are what they should be. Error: STAGE_REFUSED. */
export function guardedShelf(shelf: ModelShelf, checks: Pick<KeyChecks, "assertMayVote">): ModelShelf {
  return {
    has: (modelId: Hex) => shelf.has(modelId),
    table: (modelId: Hex) => shelf.table(modelId),
    exposure: (modelId: Hex) => shelf.exposure(modelId),
    sample: async (modelId: Hex, stage: number) => (await shelf.sample?.(modelId, stage)) ?? null,
    stage: async (modelId: Hex, stage: number) => {
      await checks.assertMayVote(modelId, stage);
      return shelf.stage(modelId, stage);
    },
  };
}
