// SPDX-License-Identifier: GPL-3.0-or-later
import { z } from "zod";
import { ProgramError } from "../../core/program/errors.ts";

const numbers = z.union([
  z.number(),
  z
    .array(z.number())
    .min(1)
    .max(1 << 16),
]);
const file = z.string().min(1).max(200);

const dataSource = z.discriminatedUnion("format", [
  z.strictObject({ format: z.literal("csv"), file }),
  z.strictObject({ format: z.literal("idx"), images: file, labels: file }),
]);

const preprocess = z.strictObject({
  dims: z.array(z.int().positive()).min(1).max(5),
  offset: numbers,
  scale: numbers,
  step: z
    .number()
    .positive()
    .refine((step) => Number.isInteger(Math.log2(step)), "a power of two"),
  lo: z.int().min(-127).max(127),
  hi: z.int().min(-127).max(127),
});

/** What an author writes next to model.onnx; everything else in the folder is made from it. */
export const recipeSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/),
  preprocess,
  labels: z.array(z.string().min(1).max(64)).min(2).max(1000),
  decision: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("argmax") }),
    z.strictObject({ kind: z.literal("threshold"), value: z.number() }),
  ]),
  calibration: dataSource,
  evaluation: dataSource,
  /** ONNX nodes after which the program is cut into stages. */
  stages: z.array(z.string()).max(31).default([]),
  /** One digest kind for all boundaries; see split.md §2. */
  digest: z.enum(["PUBLIC", "SALTED", "BLINDED"]).default("SALTED"),
  shifts: z.enum(["perLayer", "perChannel"]).default("perLayer"),
  maxShift: z.int().min(4).max(20).default(13),
  /** Evidence masks that policies for this model may have: VOTE = 1, and so on (core/types.ts). */
  acceptedPolicies: z.array(z.int().min(1).max(31)).min(1).default([1]),
});

export type Recipe = z.infer<typeof recipeSchema>;

const usageSchema = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  preprocess,
  output: z.strictObject({
    labels: z.array(z.string()),
    decision: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("argmax") }),
      z.strictObject({ kind: z.literal("threshold"), at: z.int() }),
    ]),
    step: z.number().positive(),
  }),
});

/** `model.json`: how to make the input and read the output. */
export type Usage = z.infer<typeof usageSchema>;

function parse<T>(schema: z.ZodType<T>, text: string, name: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ProgramError("MODEL_FILE_INVALID", { file: name, reason: "it is not JSON" }, { cause });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const reason = `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`;
  throw new ProgramError("MODEL_FILE_INVALID", { file: name, reason });
}

/** Error: MODEL_FILE_INVALID, naming the field. */
export const parseRecipe = (text: string): Recipe => parse(recipeSchema, text, "recipe.json");
/** Error: MODEL_FILE_INVALID, naming the field. */
export const parseUsage = (text: string): Usage => parse(usageSchema, text, "model.json");
