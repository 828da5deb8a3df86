// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { capabilityBits } from "../../../offchain/core/capabilities.ts";
import { cipherNames, judgeCiphers, type CipherFacts } from "../../../offchain/node/doctor-cipher.ts";
import { GAME_GAS } from "../../../offchain/protocol/bond-purse.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("the doctor about ciphertexts", () => {
  const ready: CipherFacts = {
    models: ["tumor"],
    hasReferee: true,
    capabilities: capabilityBits(["vote", "cipher"]),
    limit: 10n,
    tokens: 3n,
    gasMoney: 7n * GAME_GAS,
    gasPrice: 7n,
  };

  it("default: who says that it serves them, and has tokens and gas money for a game, is well", () => {
    expect(judgeCiphers(ready)).to.deep.equal({ ok: true, detail: "tumor; 3 for bonds", fix: "" });
  });

  it("default: without such a model, or without a referee, nothing is missing", () => {
    const bare = { limit: 0n, tokens: 0n, gasMoney: 0n, capabilities: 0n };
    expect(judgeCiphers({ ...ready, ...bare, models: [] }).ok).to.equal(true);
    expect(judgeCiphers({ ...ready, ...bare, hasReferee: false }).ok).to.equal(true);
  });

  it("behavior: a record that does not say so is named with the command that does, and keeps the rest", () => {
    const { ok, fix } = judgeCiphers({ ...ready, capabilities: capabilityBits(["vote", "floats"]) });
    expect([ok, fix]).to.deep.equal([false, "Publish it: `assay stake add --capabilities vote,floats,cipher`."]);
    expect(judgeCiphers({ ...ready, capabilities: null }).ok, "registering is another check").to.equal(true);
  });

  for (const [what, poor, fix] of [
    ["games that are off", { limit: 0n }, "referee.bondLimit"],
    ["an account without tokens", { tokens: 0n }, "seat stakes"],
    ["an account that cannot pay a game to its end", { gasMoney: 7n * GAME_GAS - 1n }, "gas money"],
  ] as const)
    it(`behavior: ${what}`, () => {
      const found = judgeCiphers({ ...ready, ...poor });
      expect([found.ok, found.fix.includes(fix)]).to.deep.equal([false, true]);
    });

  it("behavior: it finds models over ciphertexts wherever the worker does: in a plain model's folder, as a step, or by themselves", async () => {
    const model = new URL("../../../models/tumor-poly", import.meta.url).pathname;
    const refreshed = temporaryFolder();
    mkdirSync(join(refreshed, "refresh"));
    for (const step of ["0", "1"]) symlinkSync(join(model, "cipher"), join(refreshed, "refresh", step));
    const name = "tumor-poly-cipher";
    expect(await cipherNames([model, refreshed, join(model, "cipher")])).to.deep.equal([name, name, name, name]);
    expect(await cipherNames([new URL("../../../models/tumor-mlp", import.meta.url).pathname])).to.deep.equal([]);
  });
});
