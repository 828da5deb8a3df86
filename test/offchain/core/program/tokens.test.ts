// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { readFile } from "node:fs/promises";
import { ByteWriter } from "../../../../offchain/core/byte-writer.ts";
import { isAssayError } from "../../../../offchain/core/errors.ts";
import {
  interpretOutput,
  prepareInput,
  prepareText,
  standardise,
  type TokenPreprocess,
} from "../../../../offchain/core/program/preprocess.ts";
import {
  decodeTokens,
  embed,
  encodeTokens,
  MAX_TEXT,
  tokenise,
  tokensOf,
  TOKENS_DOMAIN,
} from "../../../../offchain/core/program/tokens.ts";
import { parseText } from "../../../../offchain/engines/program/dataset.ts";
import { expectCode } from "../../../support/expect-code.ts";

const small = {
  length: 3,
  width: 2,
  words: ["!", "0", "loan", "your"],
  embedding: Int8Array.of(0, 0, 5, -5, 10, 20, 30, 40, 50, 60, 120, -120),
  positions: Int8Array.of(1, 2, 3, 4, 5, 6),
};

describe("tokens", () => {
  const table = decodeTokens(encodeTokens(small));
  const spec: TokenPreprocess = { kind: "tokens", dims: [3, 2], step: 0.5, lo: -100, hi: 100, table };

  it("default: letters are lowered, runs are tokens, digits are one token, four marks count", () => {
    expect(tokensOf("Your LOAN, 2,000$ now!!")).to.deep.equal(["your", "loan", "0", "0", "$", "now", "!", "!"]);
    expect(tokensOf("don't  caf\u00e9\u0130 \u0661 a-b_c")).to.deep.equal(["don", "t", "caf", "a", "b", "c"]);
    expect(tokensOf("x".repeat(21))).to.deep.equal(["x".repeat(20)]);
    expect(tokensOf("")).to.deep.equal([]);
  });

  it("default: a text becomes rows, padded and cut; rows become integers with their place, clamped", () => {
    expect([...tokenise(table, "Your loan!")]).to.deep.equal([5, 4, 2]);
    expect([...tokenise(table, "unknown")]).to.deep.equal([1, 0, 0]);
    expect([...tokenise(table, "loan loan loan loan")]).to.deep.equal([4, 4, 4]);
    const { dtype, dims, data } = prepareText(spec, "Your 7");
    expect({ dtype, dims, data: [...data] }).to.deep.equal({
      dtype: "i8",
      dims: [1, 3, 2],
      data: [100, -100, 33, 44, 5, 6],
    });
    expect([...standardise(spec, [5, 3, 0])]).to.deep.equal([50, -50, 16.5, 22, 2.5, 3]);
    expect(prepareInput(spec, [5, 3, 0, 1, 1, 1]).dims).to.deep.equal([2, 3, 2]);
  });

  it("error: RAW_INPUT_INVALID for rows that do not exist, too few of them, long texts and models of numbers", async () => {
    for (const ids of [[6, 0, 0], [-1, 0, 0], [0.5, 0, 0], [Number.NaN, 0, 0], [0, 0], []]) {
      await expectCode("RAW_INPUT_INVALID", () => prepareInput(spec, ids));
    }
    await expectCode("RAW_INPUT_INVALID", () => tokenise(table, "a".repeat(MAX_TEXT + 1)));
    const numbers = { dims: [1], offset: 0, scale: 1, step: 1, lo: 0, hi: 1 };
    await expectCode("RAW_INPUT_INVALID", () => prepareText(numbers, "text"));
  });

  it("behavior: wide numbers make an i32 input, the last label is a position where the program ends with argmax", () => {
    const wide = { dims: [2], offset: 0, scale: [1, 0.1], step: 1, lo: -1, hi: 32767 };
    const { dtype, data } = prepareInput(wide, [40_000, 15, -7, 4]);
    expect(dtype).to.equal("i32");
    expect([...data]).to.deep.equal([32767, 2, -1, 0]);
    const meaning = { labels: ["a", "b", "c"], decision: { kind: "index" }, step: 1 } as const;
    const answers = interpretOutput(meaning, { dtype: "i8", dims: [2, 1], data: Int8Array.of(2, 0) });
    expect(answers.map(({ label }) => label)).to.deep.equal(["c", "a"]);
  });

  it("default: lines of label, tab, text become rows; DATASET_MALFORMED for other lines", async () => {
    const { rows, width, features, labels } = parseText("1\tyour loan\n0\tother\twords\n", table);
    expect({ rows, width, labels: [...labels] }).to.deep.equal({ rows: 2, width: 3, labels: [1, 0] });
    expect([...features]).to.deep.equal([5, 4, 0, 1, 1, 0]);
    for (const text of ["", "\n", "text", "\ttext", "x\ttext", "-1\ttext", "1.5\ttext", "70000\ttext"]) {
      await expectCode("DATASET_MALFORMED", () => parseText(text, table));
    }
  });

  it("error: MODEL_FILE_INVALID for a tokens file that is truncated, extended, unsorted, or of words no text has", async () => {
    const bytes = encodeTokens(small);
    for (let length = 0; length < bytes.length; length++) {
      await expectCode("MODEL_FILE_INVALID", () => decodeTokens(bytes.slice(0, length)));
    }
    await expectCode("MODEL_FILE_INVALID", () => decodeTokens(Uint8Array.of(...bytes, 0)));
    const change = (fields: Partial<typeof small>) =>
      expectCode("MODEL_FILE_INVALID", () => decodeTokens(encodeTokens({ ...small, ...fields })));
    await change({ words: ["0", "!", "loan", "your"] });
    await change({ words: ["!", "!", "loan", "your"] });
    await change({ words: ["!", "0", "loan", "Your"] });
    await change({ words: ["!", "0", "lo an", "your"] });
    await change({ words: ["", "0", "loan", "your"] });
    await change({ words: ["!", "0", "loan", "x".repeat(21)] });
    await change({ embedding: small.embedding.slice(2) });
    await change({ positions: small.positions.slice(2) });
    await change({ positions: Int8Array.of(1, 2, 3, 4, 5, -128) });
    await change({ length: 0, positions: new Int8Array(0) });
    const huge = new ByteWriter().string(TOKENS_DOMAIN).u8(1).u16le(3).u16le(2).u16le(65_535);
    await expectCode("MODEL_FILE_INVALID", () => decodeTokens(huge.finish()));
  });

  it("behavior: a flipped byte gives a typed error or another table with exactly those bytes", async () => {
    const real = new Uint8Array(await readFile(new URL("../../../../models/mail-transformer/tokens", import.meta.url)));
    expect(encodeTokens(decodeTokens(real))).to.deep.equal(real);
    const bytes = encodeTokens(small);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const broken = bytes.slice();
        broken[at] = (broken[at] ?? 0) ^ flip;
        try {
          expect(encodeTokens(decodeTokens(broken))).to.deep.equal(broken);
        } catch (error) {
          if (!isAssayError(error)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });

  it("behavior: any text gives rows of the table and integers within the declared range", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        const ids = tokenise(table, text);
        expect(ids).to.have.length(3);
        const data = embed(table, ids, -50, 60);
        expect(data.every((value) => value >= -50 && value <= 60)).to.equal(true);
      }),
      { numRuns: 60 },
    );
  });
});
