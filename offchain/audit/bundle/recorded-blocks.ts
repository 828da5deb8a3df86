// SPDX-License-Identifier: GPL-3.0-or-later
import { z } from "zod";
import { HEADER_FIELDS, QUANTITIES, type BlockHeader } from "../../adapters/chain/block-header.ts";
import type { Hex } from "../../core/bytes.ts";
import { AuditError } from "../errors.ts";
import { hexOf } from "./manifest.ts";

export interface RecordedHeader {
  readonly hash: Hex;
  readonly header: BlockHeader;
}

/** Signed transactions of one block, in order. */
export interface RecordedTransactions {
  readonly block: number;
  readonly raw: readonly Hex[];
}

export interface RecordedLog {
  readonly address: Hex;
  readonly topics: readonly Hex[];
  readonly data: Hex;
}

/** What one transaction came to. */
export interface RecordedOutcome {
  readonly hash: Hex;
  readonly ok: boolean;
  readonly gasUsed: number;
  readonly logs: readonly RecordedLog[];
}

export interface RecordedLogs {
  readonly block: number;
  readonly outcomes: readonly RecordedOutcome[];
}

/** What a chain began with. */
export interface Genesis {
  readonly chainId: number;
  readonly hardfork: "osaka";
  /** Published development accounts, and what each holds. */
  readonly accounts: number;
  readonly balance: Hex;
  readonly client: string;
}

/** A balance that no transaction explains: somebody set it after this block. */
export interface Gift {
  readonly afterBlock: number;
  readonly account: Hex;
  readonly balance: Hex;
}

/** `eth_getCode` of a contract that a transaction created. */
export interface RecordedContract {
  readonly address: Hex;
  readonly createdBy: Hex;
  readonly code: Hex;
}

const bytes = z.custom<Hex>((x) => typeof x === "string" && /^0x([0-9a-f]{2})*$/.test(x));
const quantity = z.custom<Hex>((x) => typeof x === "string" && /^0x(0|[1-9a-f][0-9a-f]{0,63})$/.test(x));
const count = z
  .number()
  .int()
  .nonnegative()
  .max(2 ** 48);

const header = z.strictObject(
  Object.fromEntries(HEADER_FIELDS.map((field) => [field, QUANTITIES.has(field) ? quantity : bytes])),
);
const headerLine = z.strictObject({ hash: hexOf(32), header });
const transactionsLine = z.strictObject({ block: count, raw: z.array(bytes).min(1) });
const log = z.strictObject({ address: hexOf(20), topics: z.array(hexOf(32)).max(4), data: bytes });
const outcome = z.strictObject({ hash: hexOf(32), ok: z.boolean(), gasUsed: count, logs: z.array(log) });
const logsLine = z.strictObject({ block: count, outcomes: z.array(outcome).min(1) });
const genesis = z.strictObject({
  chainId: count,
  hardfork: z.literal("osaka"),
  accounts: count.max(1000),
  balance: quantity,
  client: z.string().max(200),
});
const gifts = z.array(z.strictObject({ afterBlock: count, account: hexOf(20), balance: quantity }));
const contracts = z.array(z.strictObject({ address: hexOf(20), createdBy: hexOf(32), code: bytes }));

const refuse = (artefact: string, why: string) => new AuditError("BUNDLE_INVALID", { artefact, why });

/** Lines of JSON in the one spelling that `encodeLines` gives. */
function decodeLines<T>(schema: z.ZodType, path: string, content: Uint8Array): T[] {
  const text = new TextDecoder().decode(content);
  const lines = text === "" ? [] : text.split("\n");
  if (lines.length > 0 && lines.pop() !== "") throw refuse(path, "its last line is cut off");
  return lines.map((line, i) => decodeJson(schema, `${path}, line ${i + 1}`, line) as T);
}

function decodeJson(schema: z.ZodType, path: string, text: string): unknown {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw refuse(path, "it is no JSON");
  }
  const parsed = schema.safeParse(given);
  if (!parsed.success) throw refuse(path, `${parsed.error.issues[0]?.path.join(".") ?? ""} is malformed`);
  if (JSON.stringify(given) !== text) throw refuse(path, "it is not in its one spelling");
  return parsed.data;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** One JSON object a line. */
export const encodeLines = (values: readonly unknown[]): Uint8Array =>
  encode(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
export const encodeOne = (value: unknown): Uint8Array => encode(`${JSON.stringify(value)}\n`);

type Reader<T> = (path: string, content: Uint8Array) => T;
const one =
  <T>(schema: z.ZodType): Reader<T> =>
  (path, content) => {
    const [value, ...more] = decodeLines<T>(schema, path, content);
    if (value === undefined || more.length > 0) throw refuse(path, "it is not one line");
    return value;
  };

/** All of these refuse what is not in its one spelling: BUNDLE_INVALID. */
export const decodeHeaders: Reader<RecordedHeader[]> = (path, content) => decodeLines(headerLine, path, content);
export const decodeTransactions: Reader<RecordedTransactions[]> = (path, content) =>
  decodeLines(transactionsLine, path, content);
export const decodeLogs: Reader<RecordedLogs[]> = (path, content) => decodeLines(logsLine, path, content);
export const decodeGenesis = one<Genesis>(genesis);
export const decodeGifts = one<Gift[]>(gifts);
export const decodeContracts = one<RecordedContract[]>(contracts);
