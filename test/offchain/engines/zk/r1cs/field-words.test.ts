// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { centred, FIELD, mod } from "../../../../../offchain/engines/zk/circuit/field.ts";
import {
  bigintOfWords,
  FIELD_WORDS,
  isReduced,
  numberOfWords,
  SAFE,
  wordsOfBigint,
  wordsOfNumber,
} from "../../../../../offchain/engines/zk/r1cs/field-words.ts";
import { EDGE_ELEMENTS, mixedElement } from "../../../../support/field-cases.ts";
import { Prng } from "../../../../support/prng.ts";

/** In the middle of other words, which must stay. */
const AT = 3;
const room = (): Uint32Array => new Uint32Array(AT + FIELD_WORDS + 2).fill(0xdeadbeef);

describe("words of field elements", () => {
  const numbers = [0, 1, 255, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 52, SAFE - 1, 0xf0000001, 0x1_f0000001];

  it("default: a short integer of either sign is written and read as the element that it is", () => {
    for (const number of numbers.flatMap((value) => [value, -value])) {
      const words = room();
      wordsOfNumber(number, words, AT);
      expect(bigintOfWords(words, AT), String(number)).to.equal(mod(BigInt(number)));
      expect(numberOfWords(words, AT) + 0).to.equal(number + 0);
      expect([...words.subarray(0, AT), ...words.subarray(AT + FIELD_WORDS)]).to.deep.equal(
        Array.from({ length: AT + 2 }, () => 0xdeadbeef),
      );
    }
  });

  it("edge: NaN for what is 2^53 or more away from zero, the exact integer below", () => {
    const prng = new Prng(53);
    const elements = [...EDGE_ELEMENTS, ...Array.from({ length: 3_000 }, () => mixedElement(prng))];
    for (const element of elements) {
      const words = room();
      wordsOfBigint(element, words, AT);
      const nearest = centred(element);
      const short = nearest < BigInt(SAFE) && nearest > -BigInt(SAFE);
      const number = numberOfWords(words, AT);
      if (short) expect(BigInt(number)).to.equal(nearest);
      else expect(number, String(element)).to.deep.equal(Number.NaN);
    }
  });

  it("edge: reduced means below r, word by word", () => {
    const top = 1n << 256n;
    const beyond = [FIELD, FIELD + 1n, FIELD + (1n << 200n), top - 1n];
    for (const [value, reduced] of [
      ...EDGE_ELEMENTS.map((element) => [element, true] as const),
      ...beyond.map((element) => [element, false] as const),
    ]) {
      const words = room();
      wordsOfBigint(value, words, AT);
      expect(isReduced(words, AT), String(value)).to.equal(reduced);
    }
  });
});
