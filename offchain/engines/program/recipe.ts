// SPDX-License-Identifier: GPL-3.0-or-later
import { z } from "zod";
import { ProgramError } from "../../core/program/errors.ts";
import type { Preprocess } from "../../core/program/preprocess.ts";
import { decodeTokens } from "../../core/program/tokens.ts";

const numbers = z.union([
  z.number(),
  z
    .array(z.number())
    .min(1)
    .max(1 << 16),
]);
const file = z.string().min(1).max(200);

const rawSource = z.discriminatedUnion("format", [
  z.strictObject({ format: z.literal("csv"), file }),
  z.strictObject({
    format: z.literal("idx"),
    images: file,
    labels: file,
    /** So many consecutive images side by side, their labels the digits of one number. */
    beside: z.int().min(1).max(9).default(1),
  }),
  z.strictObject({ format: z.literal("text"), file }),
]);
export type RawSource = z.infer<typeof rawSource>;

export const dataSource = z.discriminatedUnion("format", [
  ...rawSource.options,
  /** What other models' integer programs make of their own data, row by row, one behind the other; the labels are the last part's. */
  z.strictObject({
    format: z.literal("join"),
    parts: z
      .array(z.strictObject({ model: file, data: rawSource }))
      .min(2)
      .max(8),
  }),
]);

const step = z
  .number()
  .positive()
  .refine((value) => Number.isInteger(Math.log2(value)), "a power of two");
const dims = z.array(z.int().positive()).min(1).max(5);
const I32 = 2 ** 31 - 1;

const numberPreprocess = z.strictObject({
  kind: z.literal("numbers").optional(),
  dims,
  offset: numbers,
  scale: numbers,
  step,
  lo: z.int().min(-I32).max(I32),
  hi: z.int().min(-I32).max(I32),
});

/** The table itself is the file `tokens` of the model folder. */
const tokenPreprocess = z.strictObject({
  kind: z.literal("tokens"),
  dims: dims.length(2),
  step,
  lo: z.int().min(-127).max(127),
  hi: z.int().min(-127).max(127),
});

/** What an author writes next to model.onnx; everything else in the folder is made from it. */
export const recipeSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/),
  preprocess: z.discriminatedUnion("kind", [numberPreprocess, tokenPreprocess]),
  labels: z.array(z.string().min(1).max(64)).min(2).max(1000),
  decision: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("argmax") }),
    z.strictObject({ kind: z.literal("threshold"), value: z.number() }),
  ]),
  calibration: dataSource,
  evaluation: dataSource,
  /** ONNX nodes after which the program is cut into stages. */
  stages: z.array(z.string()).max(31).default([]),
  /** How many of the first and last stages the client runs; they form a chain, and one stage at least is the network's. */
  client: z.strictObject({ first: z.int().min(0).max(7), last: z.int().min(0).max(7) }).optional(),
  /** One digest kind for all boundaries; see split.md §2. */
  digest: z.enum(["PUBLIC", "SALTED", "BLINDED"]).default("SALTED"),
  /** Two lanes compute the first linear operator on additive shares; everything after it runs at the client (docs/multimodal.md). */
  masked: z.boolean().default(false),
  shifts: z.enum(["perLayer", "perChannel"]).default("perLayer"),
  maxShift: z.int().min(4).max(20).default(13),
  /** Evidence masks that policies for this model may have: VOTE = 1, and so on (core/types.ts). */
  acceptedPolicies: z.array(z.int().min(1).max(31)).min(1).default([1]),
  /** Each stage gets a circuit and a key: weights as the circuit's constants, or private and committed to once. */
  proofs: z
    .strictObject({
      weights: z.enum(["public", "private"]),
      /** Private weights between SALTED ends: circuits in linear-check mode (docs/private-weights.md). */
      linearCheck: z.boolean().optional(),
    })
    .optional(),
});

export type Recipe = z.infer<typeof recipeSchema>;

const usageSchema = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  preprocess: z.discriminatedUnion("kind", [
    numberPreprocess,
    tokenPreprocess.extend({ tokensHash: z.string().regex(/^0x[0-9a-f]{64}$/) }),
  ]),
  output: z.strictObject({
    labels: z.array(z.string()),
    decision: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("argmax") }),
      z.strictObject({ kind: z.literal("index") }),
      z.strictObject({ kind: z.literal("threshold"), at: z.int() }),
    ]),
    step: z.number().positive(),
  }),
});

/** `model.json`: how to make the input and read the output. */
export type Usage = z.infer<typeof usageSchema>;

/** Error: MODEL_FILE_INVALID, naming the field. */
export function parseJson<T>(schema: z.ZodType<T>, text: string, name: string): T {
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
export const parseRecipe = (text: string): Recipe => parseJson(recipeSchema, text, "recipe.json");
/** Error: MODEL_FILE_INVALID, naming the field. */
export const parseUsage = (text: string): Usage => parseJson(usageSchema, text, "model.json");

/**
 * Joins a recipe's or usage's preprocessing with the `tokens` file it speaks of. Errors: MODEL_FILE_MISSING,
 * MODEL_FILE_INVALID.
 */
export function resolvePreprocess(
  spec: Recipe["preprocess"] | Usage["preprocess"],
  tokens: Uint8Array | undefined,
): Preprocess {
  if (spec.kind !== "tokens") return spec;
  if (tokens === undefined) throw new ProgramError("MODEL_FILE_MISSING", { file: "tokens" });
  const table = decodeTokens(tokens);
  if (spec.dims.join() !== [table.length, table.width].join()) {
    throw new ProgramError("MODEL_FILE_INVALID", { file: "tokens", reason: "it has other dimensions than the model" });
  }
  const { kind, dims: shape, step: unit, lo, hi } = spec;
  return { kind, dims: shape, step: unit, lo, hi, table };
}
