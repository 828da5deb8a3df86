// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { encodeFunctionData, keccak256, toHex, type Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { judgeCase, REFUSED } from "../../../../offchain/engines/tee/board.ts";
import { caseDigest } from "../../../../offchain/node/attester/judge-shown.ts";
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

  it("R56: error: a word and a doubt under way while a reorganisation replaces their case are refused, and stake nothing", async () => {
    // Five seats of six attesters: four of them at least sit in both draws.
    const { open, attest, board, roots, signers, publicClient, networkHelpers } = await createBoardChain(7);
    const before = await networkHelpers.takeSnapshot();
    /** Signed now, sent when somebody has a use for it. */
    const sign = async (n: number, call: Parameters<typeof encodeFunctionData<typeof board.abi>>[0]): Promise<Hex> => {
      const account = privateKeyToAccount(keccak256(toHex(`worker ${n}`)));
      const nonce = await publicClient.getTransactionCount({ address: account.address });
      const data = encodeFunctionData(call);
      const fees = { gas: 2_000_000n, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n };
      return account.signTransaction({ chainId: 31_337, type: "eip1559", to: board.address, data, nonce, ...fees });
    };

    const gone = await open("nitro-cose", (bytes) => Uint8Array.of(...bytes, 0));
    const { caseId } = gone.told;
    const place = { chainId: 31_337n, board: board.address, caseId };
    const about = caseDigest(place, await board.read.caseOf([caseId]));
    expect(about, "the digest that the desk counts is the contract's").to.equal(await board.read.digestOf([caseId]));
    expect(judgeCase(gone.told, roots).word).to.equal(REFUSED);
    const first = await board.read.seatsOf([caseId, 0]);
    const words = new Map<Hex, Hex>();
    for (const seat of first)
      words.set(seat, await sign(signers.findIndex((one) => one === seat), { abi: board.abi, functionName: "post", args: [caseId, about, REFUSED] })); // prettier-ignore
    await attest(gone.told);
    const doubt = await sign(6, { abi: board.abi, functionName: "challenge", args: [caseId, about, REFUSED] });

    await before.restore();
    const { told } = await open("nitro-cose");
    expect(told.caseId, "another case under its number").to.equal(caseId);
    const have = await board.read.digestOf([caseId]);
    const seat = (await board.read.seatsOf([caseId, 0])).find((one) => words.has(one));
    if (seat === undefined) return expect.fail("nobody sits in both");
    const send = async (raw: Hex | undefined) =>
      publicClient.sendRawTransaction({ serializedTransaction: raw ?? "0x" }).then(() => "", String);
    const money = async () => Promise.all([seat, signers[6] ?? "0x"].map(async (one) => board.read.balanceOf([one])));
    const held = await money();
    expect(await send(words.get(seat))).to.contain(`CaseReplaced(${caseId}, "${have}", "${about}")`);
    expect(await board.read.saidBy([caseId, 0, seat])).to.equal(toHex(0, { size: 32 }));
    expect(await money()).to.deep.equal(held);
    // Its own verifier's word about the other case is taken, as before.
    const { word, refusal } = await attest(told);
    expect([refusal, (await board.read.caseOf([caseId])).word]).to.deep.equal([null, word]);
    const [, bond] = await money();
    expect(await send(doubt)).to.contain("CaseReplaced");
    expect((await money())[1]).to.equal(bond);
    expect((await board.read.caseOf([caseId])).state).to.equal(2);
    return undefined;
  });
});
