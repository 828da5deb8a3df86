// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { ciphertextTensor } from "../../../offchain/core/she/ciphertext-tensor.ts";
import type { Hex } from "../../../offchain/core/bytes.ts";
import type { Tensor } from "../../../offchain/core/tensor.ts";
import { bentShelf } from "../../../offchain/node/bent-shelf.ts";
import { devBehaviour } from "../../../offchain/node/dev-faults.ts";
import { HONEST, type ModelShelf, type StageRunner } from "../../../offchain/protocol/ports.ts";

const ID: Hex = `0x${"11".repeat(32)}`;
const BYTES = Uint8Array.from({ length: 8_192 }, (_, i) => (i * 31) & 255);
const PLAIN: Tensor = { dtype: "u8", dims: [BYTES.length], data: BYTES };

const shelfOf = (runner: StageRunner | null): ModelShelf => ({
  has: (id) => id === ID,
  table: () => null,
  exposure: () => [],
  stage: async () => runner,
});
const runnerOf = (output: Tensor): StageRunner => ({ maxInputBytes: 1, run: async () => ({ output, probe: null }) });

describe("the shelf of a liar over ciphertexts", () => {
  it("R75: one bit of one coefficient differs while it lies; honest evaluations, other models and absent ones stay as they are", async () => {
    let isBent = false;
    const cipher = { ...runnerOf(ciphertextTensor(BYTES)), checkKeys: async () => undefined };
    const { signal } = new AbortController();
    const run = async (runner: StageRunner) => {
      const got = await (await bentShelf(shelfOf(runner), () => isBent).stage(ID, 0))?.run([], signal);
      return Uint8Array.from(got?.output.data as Uint8Array);
    };
    expect(await run(cipher)).to.deep.equal(BYTES);
    isBent = true;
    const lie = await run(cipher);
    const differing = lie.reduce(
      (bits, byte, i) => bits + ((byte ^ (BYTES[i] ?? 0)).toString(2).match(/1/g)?.length ?? 0),
      0,
    );
    expect([lie.length, differing]).to.deep.equal([BYTES.length, 1]);
    // Every accomplice tells the same lie.
    expect(await run(cipher)).to.deep.equal(lie);
    expect(await run(runnerOf(PLAIN))).to.deep.equal(BYTES);
    expect(await bentShelf(shelfOf(null), () => true).stage(ID, 0)).to.equal(null);
    const shelf = bentShelf(shelfOf(cipher), () => true);
    expect([shelf.has(ID), shelf.has("0x"), shelf.table(ID), await shelf.sample?.(ID, 0)]).to.deep.equal([
      true,
      false,
      null,
      null,
    ]);
    // What it says of its evaluation is not bent once more.
    const vote = { outDigest: ID, payload: ID };
    const behaviour = devBehaviour("flip-coefficient", false);
    expect(behaviour.alterVote(vote)).to.deep.equal(vote);
    expect(behaviour).to.deep.equal({ ...HONEST, mayChallenge: false });
  });
});
