// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { REFUSED } from "../../../../offchain/engines/tee/board.ts";
import { createBoardChain } from "../../../support/tee/board-chain.ts";

/** SIMULATED evidence of three vendors before the contracts, judged by drawn attesters who run the real verifier. */
describe("VerdictBoard with the off-chain verifier", function suite() {
  this.timeout(120_000);

  it("default: R56 real verifiers' words register AMD's and AWS's enclaves; facts and words are the contract's", async () => {
    const { open, attest, board, enclaves, images, worker, networkHelpers } = await createBoardChain();
    for (const format of ["snp-report", "nitro-cose"] as const) {
      const { told, binding, runtime } = await open(format);
      const { facts, word, refusal } = await attest(told);
      if (facts === null) return expect.fail(refusal ?? "refused");
      expect(word).to.equal(await board.read.wordOf([told.caseId, facts]));
      await networkHelpers.time.increase(3601);
      const register = async () =>
        enclaves.write.registerByVerdict([told.caseId, facts, binding, runtime], { account: worker });
      if (format === "snp-report") {
        // AMD signs no levels: below the floor, and without one, nothing registers.
        expect(await register().then(() => "", String)).to.contain("StatusNotAdmitted");
        await images.write.raiseFloor([facts.rootId, facts.svns + 1]);
        expect(await register().then(() => "", String)).to.contain("StatusNotAdmitted");
        continue;
      }
      await register();
      const known = await enclaves.read.enclave([binding.key]);
      expect(known).to.include({ epoch: 1, vendor: 4 | 128, status: 7 });
      expect(await enclaves.read.isLive([binding.key, 0n])).to.equal(true);
    }
    return undefined;
  });

  it("R56: behavior: AMD's floor ends what falls below it, and forged, cut or foreign evidence is refused by one word", async () => {
    const { open, attest, board, enclaves, images, worker, networkHelpers } = await createBoardChain();
    const { told, binding, runtime } = await open("snp-report");
    const { facts } = await attest(told);
    if (facts === null) return expect.fail("refused");
    await images.write.raiseFloor([facts.rootId, facts.svns]);
    expect(await images.write.raiseFloor([facts.rootId, facts.svns - 1]).then(() => "", String)).to.contain(
      "FloorTooLow",
    );
    await networkHelpers.time.increase(3601);
    await enclaves.write.registerByVerdict([told.caseId, facts, binding, runtime], { account: worker });
    expect((await enclaves.read.enclave([binding.key])).status).to.equal(0);
    await images.write.raiseFloor([facts.rootId, facts.svns + 1]);
    expect(await enclaves.read.isLive([binding.key, 0n])).to.equal(false);
    await enclaves.write.invalidate([binding.key]);

    // One bit of the report data, in the signed part: what the chain reads itself is not what the chip signed.
    const forged = await open("snp-report", (bytes) => {
      bytes[0x50] = (bytes[0x50] ?? 0) ^ 1;
      return bytes;
    });
    expect((await attest(forged.told)).word).to.equal(REFUSED);
    const trailing = await open("nitro-cose", (bytes) => Uint8Array.of(...bytes, 0));
    expect((await attest(trailing.told)).word).to.equal(REFUSED);
    const gpu = await open("nvidia-spdm11");
    const said = await attest(gpu.told);
    expect(said.refusal).to.equal(null);
    expect(said.facts?.vendor).to.equal(5);
    expect((await board.read.caseOf([gpu.told.caseId])).word).to.equal(said.word);
    return undefined;
  });
});
