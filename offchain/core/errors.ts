// SPDX-License-Identifier: MIT

/** `never`: the same call fails again; `later`: the world must change first; `now`: trying again may help. */
export type Retry = "never" | "later" | "now";

export interface ErrorDefinition {
  /** Number within the module, 1 to 99, never reused. */
  readonly n: number;
  /** One sentence; `{name}` marks a value of `meta`. */
  readonly text: string;
  /** What the reader can do about it; placeholders allowed. */
  readonly fix: string;
  readonly retry: Retry;
}

export type MetaValue = string | number | bigint | boolean;

type Placeholder<T extends string> = T extends `${string}{${infer P}}${infer Rest}` ? P | Placeholder<Rest> : never;
type PlaceholderOf<D> = D extends { readonly text: infer T extends string; readonly fix: infer F extends string }
  ? Placeholder<T> | Placeholder<F>
  : never;
export type MetaOf<D> = { readonly [P in PlaceholderOf<D>]: MetaValue };

export interface AssayErrorOptions {
  readonly cause?: unknown;
}
export type ErrorArguments<D> = [PlaceholderOf<D>] extends [never]
  ? [meta?: Readonly<Record<string, never>>, options?: AssayErrorOptions]
  : // oxlint-disable-next-line typescript/no-generated-empty-object-type -- empty only where the branch above is taken
    [meta: MetaOf<D>, options?: AssayErrorOptions];

const BRAND = Symbol.for("assay.error");

const fill = (template: string, meta: Readonly<Record<string, MetaValue>>): string =>
  template.replaceAll(/\{(\w+)\}/g, (whole, name: string) => (Object.hasOwn(meta, name) ? String(meta[name]) : whole));

/** Every error that Assay throws on purpose. Made by a module's error class, recognised by `isAssayError`. */
export class AssayError<C extends string = string> extends Error {
  /** "E1103": module 11, error 3. */
  readonly id: string;
  readonly code: C;
  readonly module: string;
  readonly meta: Readonly<Record<string, MetaValue>>;
  readonly fix: string;
  readonly retry: Retry;

  constructor(
    module: string,
    id: string,
    code: C,
    definition: ErrorDefinition,
    meta: Readonly<Record<string, MetaValue>>,
    options?: AssayErrorOptions,
  ) {
    super(fill(definition.text, meta), options);
    this.name = "AssayError";
    this.module = module;
    this.id = id;
    this.code = code;
    this.meta = meta;
    this.fix = fill(definition.fix, meta);
    this.retry = definition.retry;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** For logs and APIs: no stack; a typed cause is kept, a foreign one by its name only, for its text may hold anything. */
  toJSON(): Record<string, unknown> {
    const meta = Object.fromEntries(
      Object.entries(this.meta).map(([key, value]) => [key, typeof value === "bigint" ? value.toString() : value]),
    );
    const { id, code, message, fix, retry, cause } = this;
    const json = { id, code, message, meta, fix, retry };
    if (isAssayError(cause)) return { ...json, cause: cause.toJSON() };
    return cause instanceof Error ? { ...json, cause: cause.name } : json;
  }
}

/** By brand, not `instanceof`: two copies of this package recognise each other's errors. */
export function isAssayError(value: unknown): value is AssayError {
  return value instanceof Error && Reflect.get(value, BRAND) === true;
}

export function hasCode<C extends string>(value: unknown, code: C): value is AssayError<C> {
  return isAssayError(value) && value.code === code;
}

export interface RegisteredError extends ErrorDefinition {
  readonly id: string;
  readonly code: string;
  readonly module: string;
}

const registry = new Map<string, RegisteredError>();

/** Every error defined by the modules loaded so far, by id: the source of `docs/errors.md`. */
export function errorRegistry(): readonly RegisteredError[] {
  return [...registry.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** A module's errors: `throw new NetError("IDENTITY_MISMATCH", { peer, worker })`. */
export interface ModuleErrors<D extends Readonly<Record<string, ErrorDefinition>>> {
  new <C extends keyof D & string>(code: C, ...rest: ErrorArguments<D[C]>): AssayError<C>;
}

/**
 * Declares a module's errors. Ids are `E` + (number · 100 + n), four digits. Throws ERROR_ID_TAKEN if two definitions
 * claim one id.
 */
export function defineErrors<const D extends Readonly<Record<string, ErrorDefinition>>>(
  module: string,
  number: number,
  definitions: D,
): ModuleErrors<D> {
  const idOf = (n: number): string => `E${String(number * 100 + n).padStart(4, "0")}`;
  for (const [code, definition] of Object.entries(definitions)) {
    const id = idOf(definition.n);
    const other = registry.get(id);
    if (other !== undefined && (other.code !== code || other.module !== module))
      throw new AssayError("core", "E0100", "ERROR_ID_TAKEN", ID_TAKEN, { id, first: other.code, second: code });
    registry.set(id, { ...definition, id, code, module });
  }
  class ModuleError extends AssayError {
    constructor(code: string, meta: Readonly<Record<string, MetaValue>> = {}, options?: AssayErrorOptions) {
      const definition: ErrorDefinition = definitions[code] ?? ID_TAKEN;
      super(module, idOf(definition.n), code, definition, meta, options);
    }
  }
  return ModuleError as unknown as ModuleErrors<D>;
}

const ID_TAKEN: ErrorDefinition = {
  n: 0,
  text: "Error id {id} is claimed by {first} and by {second}.",
  fix: "Give the new error the next free number of its module.",
  retry: "never",
};
registry.set("E0100", { ...ID_TAKEN, id: "E0100", code: "ERROR_ID_TAKEN", module: "core" });
