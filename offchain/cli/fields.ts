// SPDX-License-Identifier: GPL-3.0-or-later

/** A parsed value, or what is wrong with the text. */
export type Parsed<T> = { value: T } | { why: string };

/** One argument or option. `kind` "switch" takes no value, "list" takes one or more and must be the last argument. */
export interface Field<T> {
  readonly kind: "required" | "optional" | "switch" | "list";
  readonly summary: string;
  /** What the help shows in place of the value, such as `address`. */
  readonly placeholder: string;
  readonly fallback: T | undefined;
  readonly parse: (text: string) => Parsed<T>;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;

export type Values<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

type Parser<T> = (text: string) => Parsed<T>;

/** A value that must be given. */
export function required<T>(placeholder: string, summary: string, parse: Parser<T>): Field<T> {
  return { kind: "required", summary, placeholder, fallback: undefined, parse };
}

/** One or more values. */
export function list<T>(placeholder: string, summary: string, parse: Parser<T>): Field<readonly T[]> {
  const one: Parser<readonly T[]> = (text) => {
    const parsed = parse(text);
    return "why" in parsed ? parsed : { value: [parsed.value] };
  };
  return { kind: "list", summary, placeholder, fallback: undefined, parse: one };
}

/** A value that may be left out. */
export function optional<T>(placeholder: string, summary: string, parse: Parser<T>): Field<T | undefined> {
  return { kind: "optional", summary, placeholder, fallback: undefined, parse };
}

/** A value with a default, which the help names. */
export function defaulted<T>(placeholder: string, summary: string, parse: Parser<T>, fallback: T): Field<T> {
  return { kind: "optional", summary, placeholder, fallback, parse };
}

/** An option without a value. */
export function flag(summary: string): Field<boolean> {
  return { kind: "switch", summary, placeholder: "", fallback: false, parse: () => ({ value: true }) };
}

export const text: Parser<string> = (value) => (value.length > 0 ? { value } : { why: "is empty" });

export const integer =
  (min: number, max: number): Parser<number> =>
  (value) => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    return number >= min && number <= max ? { value: number } : { why: `must be a whole number from ${min} to ${max}` };
  };

/** A decimal number, such as 0.05, above 0. */
export const positive =
  (max: number): Parser<number> =>
  (value) => {
    const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    return number > 0 && number <= max
      ? { value: number }
      : { why: `must be a decimal number above 0, at most ${max}` };
  };

/** Base units of the fee token; `1.5` style decimals are refused because their scale would be a guess. */
export const amount: Parser<bigint> = (value) =>
  /^\d{1,30}$/.test(value) ? { value: BigInt(value) } : { why: "must be a whole number of token base units" };

export const hex =
  (bytes: number): Parser<`0x${string}`> =>
  (value) =>
    /^0x[0-9a-fA-F]*$/.test(value) && value.length === 2 + 2 * bytes
      ? { value: `0x${value.slice(2).toLowerCase()}` }
      : { why: `must be 0x and ${2 * bytes} hexadecimal digits` };

export const address = hex(20);
export const hash = hex(32);

export const choice =
  <const T extends string>(...values: readonly T[]): Parser<T> =>
  (value) => {
    const found = values.find((known) => known === value);
    return found === undefined ? { why: `must be one of ${values.join(", ")}` } : { value: found };
  };

export const url: Parser<string> = (value) =>
  URL.canParse(value) && /^(https?|wss?):$/.test(new URL(value).protocol)
    ? { value }
    : { why: "must be an http or ws URL" };
