// SPDX-License-Identifier: GPL-3.0-or-later
import { z } from "zod";
import { ProgramError } from "../../../core/program/errors.ts";
import { dataSource, parseJson } from "../recipe.ts";

const numbers = z.union([
  z.number(),
  z
    .array(z.number())
    .min(1)
    .max(1 << 16),
]);

const preprocess = z
  .strictObject({
    kind: z.literal("reals"),
    dims: z.array(z.int().positive()).min(1).max(5),
    offset: numbers,
    scale: numbers,
    noise: z.int().positive().optional(),
    lo: numbers,
    hi: numbers,
  })
  .refine(({ dims, lo, hi }) => {
    const size = dims.reduce((product, dim) => product * dim, 1);
    const list = (value: number | readonly number[]) => (typeof value === "number" ? [value] : value);
    const fits = [lo, hi].every((value) => list(value).length === 1 || list(value).length === size);
    return (
      fits &&
      Math.max(...list(lo)) <= Math.max(...list(hi)) &&
      list(lo).every((low, i) => low <= (list(hi)[i] ?? list(hi)[0] ?? 0))
    );
  }, "lo and hi are one number, or one per input, and lo is not above hi")
  .refine(
    ({ dims, noise = 0 }) => noise === 0 || (dims.length === 1 && noise < (dims[0] ?? 0)),
    "noise is the end of an input of one dimension",
  );
const labels = z.array(z.string().min(1).max(64)).min(2).max(1000);
const decision = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("argmax") }),
  z.strictObject({ kind: z.literal("threshold"), value: z.number() }),
]);

/** What an author writes next to the model.onnx of a float model. `class` is what tells it from a program's recipe. */
export const floatRecipeSchema = z.strictObject({
  version: z.literal(1),
  class: z.literal("T"),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/),
  preprocess,
  labels,
  decision,
  calibration: dataSource,
  evaluation: dataSource,
});
export type FloatRecipe = z.infer<typeof floatRecipeSchema>;

const floatUsageSchema = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  class: z.literal("T"),
  preprocess,
  output: z.strictObject({ labels, decision }),
});

/** `model.json` of a float model. */
export type FloatUsage = z.infer<typeof floatUsageSchema>;

/** Error: MODEL_FILE_INVALID, naming the field. */
export const parseFloatRecipe = (text: string): FloatRecipe => parseJson(floatRecipeSchema, text, "recipe.json");
/** Error: MODEL_FILE_INVALID, naming the field. */
export const parseFloatUsage = (text: string): FloatUsage => parseJson(floatUsageSchema, text, "model.json");

/** Whether a recipe.json is a float model's. Error: MODEL_FILE_INVALID if it is not JSON. */
export function isFloatRecipe(text: string): boolean {
  try {
    return (JSON.parse(text) as { class?: unknown } | null)?.class === "T";
  } catch (cause) {
    throw new ProgramError("MODEL_FILE_INVALID", { file: "recipe.json", reason: "it is not JSON" }, { cause });
  }
}
