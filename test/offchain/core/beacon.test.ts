// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import {
  beaconChain,
  beaconLink,
  beaconSeed,
  beaconShare,
  beatAfter,
  dutySeed,
  fixedBlockOf,
  isRevealBlock,
} from "../../../offchain/core/beacon.ts";
import { toWord, type Word } from "../../../offchain/core/tagged-hash.ts";

const words = fc.bigInt({ min: 1n, max: 2n ** 256n - 1n }).map(toWord);
const ids = fc.integer({ min: 1, max: 2 ** 32 - 1 });

describe("beacon", () => {
  it("default: agrees with the vectors that Solidity reads", () => {
    const lists = JSON.parse(readFileSync("test/fixtures/vectors/beacon.json", "utf8")) as Record<string, Word[]>;
    const at = (name: string, i: number): Word => lists[name]?.[i] ?? expect.fail(`${name}[${i}] is missing`);
    const count = lists["heads"]?.length ?? 0;
    expect(count).to.be.at.least(200);
    for (let i = 0; i < count; i++) {
      const [worker, preimage] = [Number(at("workerIds", i)), at("preimages", i)];
      expect(beaconLink(worker, preimage)).to.equal(at("heads", i));
      const seed = beaconSeed(at("blockHashes", i), [at("others", i), beaconShare(worker, preimage)]);
      expect(seed).to.equal(at("seeds", i));
      expect(dutySeed(seed, Number(at("versions", i)))).to.equal(at("dutySeeds", i));
    }
  });

  it("R16: the fixed block is always to come, at most four blocks away, and opens three blocks of reveals", () => {
    for (let block = 0; block < 100; block++) {
      const beat = beatAfter(block);
      const fixed = fixedBlockOf(beat);
      expect(fixed - block).to.be.within(1, 4);
      const open = [-1, 0, 1, 2, 3, 4, 5].filter((offset) => isRevealBlock(beat, fixed + offset));
      expect(open).to.deep.equal([1, 2, 3]);
    }
  });

  it("behavior: every link of a chain hashes to the one before it", () => {
    const chain = beaconChain(7, toWord(9), 20);
    expect(chain).to.have.length(21);
    expect(chain.at(-1)).to.equal(toWord(9));
    for (let i = 1; i < chain.length; i++) expect(beaconLink(7, chain[i] ?? "0x")).to.equal(chain[i - 1]);
  });

  it("R16: shares come in any order, and each of them changes the seed", () => {
    fc.assert(
      fc.property(words, fc.uniqueArray(words, { minLength: 1, maxLength: 5 }), (block, shares) => {
        const seed = beaconSeed(block, shares);
        expect(beaconSeed(block, shares.toReversed())).to.equal(seed);
        for (const [i] of shares.entries()) expect(beaconSeed(block, shares.toSpliced(i, 1))).not.to.equal(seed);
      }),
    );
  });

  it("R16: a share is neither its own link nor another worker's share", () => {
    fc.assert(
      fc.property(ids, ids, words, (a, b, preimage) => {
        fc.pre(a !== b);
        expect(beaconShare(a, preimage)).not.to.equal(beaconLink(a, preimage));
        expect(beaconShare(a, preimage)).not.to.equal(beaconShare(b, preimage));
        expect(beaconLink(a, preimage)).not.to.equal(beaconLink(b, preimage));
      }),
    );
  });
});
