// SPDX-License-Identifier: MIT

/** Whether the same call may succeed later without a change by the caller. */
export type Retry = "never" | "later" | "now";

export interface ErrorDefinition {
  /** Number within the module; never reused. */
  readonly n: number;
  /** One sentence with {placeholders}; a test never asserts it. */
  readonly text: string;
  /** What the reader does next. */
  readonly fix: string;
  readonly retry: Retry;
}

type Placeholders<Text extends string> = Text extends `${string}{${infer Key}}${infer Rest}`
  ? Key | Placeholders<Rest>
  : never;
export type ErrorMeta<Text extends string> = Readonly<Record<Placeholders<Text>, string | number | bigint | boolean>>;

// Recognised across packages and duplicated installs, where instanceof fails.
const BRAND = Symbol.for("assay.v1.error");

/** Any failure that Assay names. `meta` holds what the text's placeholders said; never a secret. */
export class AssayError extends Error {
  readonly [BRAND] = true;
  readonly id: string;
  readonly code: string;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly fix: string;
  readonly retry: Retry;

  constructor(
    id: string,
    code: string,
    definition: ErrorDefinition,
    meta: Readonly<Record<string, unknown>>,
    cause?: unknown,
  ) {
    const text = definition.text.replaceAll(/\{(\w+)\}/g, (_, key: string) => String(meta[key]));
    super(text, cause === undefined ? undefined : { cause });
    this.name = "AssayError";
    this.id = id;
    this.code = code;
    this.meta = meta;
    this.fix = definition.fix;
    this.retry = definition.retry;
  }

  /** For logs and interfaces: without stack and cause. */
  toJSON(): Record<string, unknown> {
    const meta = Object.fromEntries(
      Object.entries(this.meta).map(([key, value]) => [key, typeof value === "bigint" ? String(value) : value]),
    );
    return { id: this.id, code: this.code, message: this.message, fix: this.fix, retry: this.retry, meta };
  }
}

export interface RegisteredError extends ErrorDefinition {
  readonly module: string;
  readonly id: string;
  readonly code: string;
}

const registry: RegisteredError[] = [];

/** Every error of the modules loaded so far, in numerical order: the source of docs/errors.md. */
export const errorRegistry = (): readonly RegisteredError[] =>
  registry.toSorted((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));

/**
 * The error class of one module: `throw new NetError("IDENTITY_MISMATCH", { peer, worker })`. `meta` is typed from the
 * placeholders of the code's text. Ids are "E" + module number + two digits.
 */
export function defineErrors<const Definitions extends Readonly<Record<string, ErrorDefinition>>>(
  module: string,
  number: number,
  definitions: Definitions,
) {
  const idOf = (n: number) => `E${number}${String(n).padStart(2, "0")}`;
  for (const [code, definition] of Object.entries(definitions))
    registry.push({ module, code, id: idOf(definition.n), ...definition });
  return class ModuleError<Code extends keyof Definitions & string = keyof Definitions & string> extends AssayError {
    declare readonly code: Code;

    constructor(code: Code, meta: ErrorMeta<Definitions[Code]["text"]>, options: { readonly cause?: unknown } = {}) {
      const definition: ErrorDefinition = definitions[code] ?? { n: 0, text: code, fix: "", retry: "never" };
      super(idOf(definition.n), code, definition, meta, options.cause);
    }
  };
}

export const isAssayError = (error: unknown): error is AssayError =>
  typeof error === "object" && error !== null && (error as { [BRAND]?: unknown })[BRAND] === true;
