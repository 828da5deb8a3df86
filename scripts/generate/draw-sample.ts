// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/draw-sample.json: ten thousand committees drawn by offchain/core from one table of tickets. Solidity
// draws the same from the real vault (test/contracts/staking/DrawSample.t.sol) and compares digest and wins.
import { writeFileSync } from "node:fs";
import { bigToBytes, concatBytes, toHex } from "../../offchain/core/bytes.ts";
import { keccak256 } from "../../offchain/core/keccak.ts";
import { SAMPLE, sampleDraws } from "../../test/support/draw-sample.ts";

const draws = sampleDraws();
const wins = SAMPLE.tickets.map((_, i) => draws.filter(([first]) => first === i + 1).length);
writeFileSync(
  "test/fixtures/vectors/draw-sample.json",
  `${JSON.stringify(
    {
      about:
        "worker i+1 holds tickets[i] cells of class 0, one worker after another; draw d is of `seats` seats by seed keccak256(abi.encode('sample', d)); digest is keccak256 of all ids as words; wins counts first seats",
      draws: String(draws.length),
      seats: String(SAMPLE.seats),
      tickets: SAMPLE.tickets.map(String),
      wins: wins.map(String),
      digest: toHex(keccak256(concatBytes(...draws.flat().map((id) => bigToBytes(BigInt(id), 32))))),
    },
    null,
    1,
  )}\n`,
);
