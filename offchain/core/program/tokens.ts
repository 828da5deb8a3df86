// SPDX-License-Identifier: MIT
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { isAssayError } from "../errors.ts";
import { ProgramError } from "./errors.ts";

/** Domain of a model folder's `tokens` file. */
export const TOKENS_DOMAIN = "assay.v1.tokens";
/** Rows of the embedding that are no words: what fills short texts, and every unknown word. */
export const PADDING = 0;
export const UNKNOWN = 1;
export const MAX_TEXT = 1 << 16;
const MAX_WORDS = 65_000;
const MAX_WORD_BYTES = 40;

/** How a text becomes numbers: its first `length` tokens, each a row of `width` integers plus one for its place. */
export interface TokenTable {
  readonly length: number;
  readonly width: number;
  /** Sorted; word i has embedding row i + 2. */
  readonly words: readonly string[];
  /** (words + 2) · width */
  readonly embedding: Int8Array;
  /** length · width */
  readonly positions: Int8Array;
  /** Row of each word. */
  readonly rows: ReadonlyMap<string, number>;
}

const i8 = (values: Int8Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** domain, u8 version, u16 length, u16 width, u16 words, each word with a u32 length, embedding, positions. */
export function encodeTokens(table: Omit<TokenTable, "rows">): Uint8Array {
  const writer = new ByteWriter().string(TOKENS_DOMAIN).u8(1);
  writer.u16le(table.length).u16le(table.width).u16le(table.words.length);
  for (const word of table.words) writer.string(word);
  return writer.bytes(i8(table.embedding)).bytes(i8(table.positions)).finish();
}

function decode(bytes: Uint8Array): TokenTable {
  const reader = new ByteReader(bytes, "The tokens file");
  if (reader.string(TOKENS_DOMAIN.length) !== TOKENS_DOMAIN) throw reader.refuse("it is no tokens file");
  if (reader.u8() !== 1) throw reader.refuse("its version is unknown");
  const [length, width] = [reader.u16le(), reader.u16le()];
  const count = reader.count(reader.u16le(), MAX_WORDS, 5);
  const words = Array.from({ length: count }, () => reader.string(MAX_WORD_BYTES));
  const embedding = new Int8Array(reader.bytes((count + 2) * width).buffer);
  const positions = new Int8Array(reader.bytes(length * width).buffer);
  reader.end();
  if (length < 1 || width < 1) throw reader.refuse("a dimension is zero");
  if (embedding.length !== (count + 2) * width || positions.length !== length * width) {
    throw reader.refuse("its rows do not fit its words");
  }
  if (embedding.includes(-128) || positions.includes(-128)) throw reader.refuse("a number is not -127..127");
  words.forEach((word, i) => {
    const before = words[i - 1];
    // A word that no text can contain, or a second place for one, would be a second encoding of the same model.
    const [token, more] = tokensOf(word);
    if (token !== word || more !== undefined || (before !== undefined && before >= word)) {
      throw reader.refuse(`word ${i} is no token, or out of order`);
    }
  });
  return { length, width, words, embedding, positions, rows: new Map(words.map((word, i) => [word, i + 2])) };
}

/** Reads a `tokens` file. Error: MODEL_FILE_INVALID. */
export function decodeTokens(bytes: Uint8Array): TokenTable {
  try {
    return decode(bytes);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    throw new ProgramError("MODEL_FILE_INVALID", { file: "tokens", reason: error.message }, { cause: error });
  }
}

/**
 * The tokens of a text, by a rule that needs no Unicode tables: A–Z are lowered; a run of letters (longer than 20: its
 * first 20) is a token, a run of digits is the token "0", and each of ! ? $ % is one; everything else separates.
 */
export function tokensOf(text: string): string[] {
  const lowered = text.replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 32));
  return (lowered.match(/[a-z]+|[0-9]+|[!?$%]/g) ?? []).map((token) =>
    /[0-9]/.test(token) ? "0" : token.slice(0, 20),
  );
}

/** Embedding rows of a text's first tokens, padded to the table's length. Error: RAW_INPUT_INVALID. */
export function tokenise(table: TokenTable, text: string): Float64Array {
  if (text.length > MAX_TEXT) {
    const reason = `a text of ${text.length} characters is longer than ${MAX_TEXT}`;
    throw new ProgramError("RAW_INPUT_INVALID", { reason });
  }
  const rows = new Float64Array(table.length).fill(PADDING);
  tokensOf(text)
    .slice(0, table.length)
    .forEach((token, i) => (rows[i] = table.rows.get(token) ?? UNKNOWN));
  return rows;
}

/** Σ of a token's row and its place's row, clamped. Error: RAW_INPUT_INVALID for a row that does not exist. */
export function embed(table: TokenTable, ids: ArrayLike<number>, lo: number, hi: number): Int8Array {
  const { length, width, words, embedding, positions } = table;
  return Int8Array.from({ length: ids.length * width }, (_, e) => {
    const [token, column] = [Math.floor(e / width), e % width];
    const id = ids[token] ?? -1;
    if (!Number.isInteger(id) || id < 0 || id >= words.length + 2) {
      throw new ProgramError("RAW_INPUT_INVALID", { reason: `token ${token} has no row in the vocabulary` });
    }
    const sum = (embedding[id * width + column] ?? 0) + (positions[(token % length) * width + column] ?? 0);
    return Math.max(lo, Math.min(hi, sum));
  });
}
