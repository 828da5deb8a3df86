// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { parseEther, parseEventLogs, toHex, type Address, type Hex } from "viem";
import { fromHex } from "../../../../offchain/core/bytes.ts";
import { addressOfKey } from "../../../../offchain/core/signature.ts";
import { keccakText } from "../../../../offchain/core/tagged-hash.ts";
import { bindReportData } from "../../../../offchain/core/enclave-binding.ts";
import { encodeEndorsements, judgeCase, REFUSED, type ShownCase } from "../../../../offchain/engines/tee/board.ts";
import { SimulatedPlatform } from "../../../../offchain/engines/tee/sim/platform.ts";
import type { EvidenceFormat } from "../../../../offchain/engines/tee/verdict.ts";
import { verifyEvidence } from "../../../../offchain/engines/tee/verify.ts";
import { createHubChain } from "../../../support/hub-chain.ts";
import { BUNDLE, MODEL, runtimeOf } from "../../../support/tee/enclave-chain.ts";
import { REPORT } from "../../../support/tee/simulated.ts";

const REWARD = parseEther("1");
const STAKE = 100n * REWARD;
const VENDORS = { "snp-report": 3, "nitro-cose": 4, "nvidia-spdm11": 5 } as const;

/** SIMULATED evidence of three vendors before the contracts, judged by drawn attesters who run the real verifier. */
describe("VerdictBoard with the off-chain verifier", function suite() {
  this.timeout(120_000);

  async function setUp() {
    const chain = await createHubChain(18);
    const { viem, publicClient, networkHelpers, signers, me, vault, token } = chain;
    const { timestamp } = await publicClient.getBlock();
    const from = timestamp - 3600n;
    const platform = new SimulatedPlatform(new Uint8Array(32).fill(0x11), { from, to: from + 30n * 86_400n });
    const roots = platform.roots(["amd", "aws", "nvidia"]);
    const pinned = roots.roots
      .filter(({ kind }) => kind === "simulated")
      .map(({ spkiSha256 }): Hex => `0x${spkiSha256}`);
    const trusted = await viem.deployContract("TrustRoots", [pinned]);
    const images = await viem.deployContract("MeasurementRegistry", [me]);
    const board = await viem.deployContract("VerdictBoard", [token.address, vault.address, REWARD, STAKE, 3600, 3600]);
    const none: Address = `0x${"0".repeat(40)}`;
    const enclaves = await viem.deployContract("EnclaveRegistry", [none, none, images.address, trusted.address, board.address]); // prettier-ignore
    for (const account of signers) {
      await token.write.mint([account, 10n * STAKE]);
      await token.write.approve([board.address, 10n * STAKE], { account });
      await board.write.deposit([10n * STAKE], { account });
      // The last one runs an enclave and attests nothing.
      if (account !== signers.at(-1)) await board.write.join({ account });
    }
    const worker = signers.at(-1) ?? none;
    // Both vendors' images, which do not depend on what is reported.
    for (const format of ["snp-report", "nitro-cose"] as const) {
      const { evidence, endorsements } = platform.attest(format, REPORT);
      const { measurementId } = verifyEvidence(evidence, endorsements, roots, timestamp);
      await images.write.announce([measurementId, BUNDLE]);
    }
    await networkHelpers.time.increase(48 * 3600);
    for (const format of ["snp-report", "nitro-cose"] as const) {
      const { evidence, endorsements } = platform.attest(format, REPORT);
      await images.write.list([verifyEvidence(evidence, endorsements, roots, timestamp).measurementId]);
    }

    /** Evidence over a binding of the worker's key to the newest block, on the board. */
    async function open(format: keyof typeof VENDORS & EvidenceFormat, edit = (bytes: Uint8Array) => bytes) {
      const { number, hash } = await publicClient.getBlock();
      const runtime = runtimeOf(MODEL);
      const key = addressOfKey(new Uint8Array(32).fill(VENDORS[format]));
      const shown = { key, channelKey: keccakText("channel"), sealKey: keccakText("seal"), epoch: 1 };
      const padded: Hex = `0x${worker.slice(2).toLowerCase().padStart(64, "0")}`;
      const bound = { ...shown, chainId: 31_337n, registry: enclaves.address, worker: padded, challenge: hash };
      const reportData = bindReportData(bound, runtime);
      const { evidence, endorsements } = platform.attest(format, { ...REPORT, reportData }, runtime);
      const args = [VENDORS[format], toHex(edit(Uint8Array.from(evidence.bytes))), toHex(encodeEndorsements(endorsements)), number] as const; // prettier-ignore
      const sent = await board.write.open(args, { account: worker });
      const { logs, gasUsed } = await publicClient.waitForTransactionReceipt({ hash: sent });
      const [event] = parseEventLogs({ abi: board.abi, eventName: "CaseOpened", logs });
      if (event === undefined) return expect.fail("no case");
      const { caseId, vendor, openedAt } = event.args;
      await networkHelpers.mine(3);
      const told: ShownCase = {
        chainId: 31_337n,
        board: board.address,
        caseId,
        vendor,
        evidence: fromHex(event.args.evidence),
        endorsements: fromHex(event.args.endorsements),
        openedAt: BigInt(openedAt),
      };
      return { told, binding: { ...shown, worker, challengeBlock: number }, runtime: toHex(runtime), gasUsed };
    }

    /** Every seat of the vote says what its verifier says. */
    async function attest(told: ShownCase) {
      const judged = judgeCase(told, roots);
      const seats = await board.read.seatsOf([told.caseId, 0]);
      for (const account of seats.slice(0, 4)) await board.write.post([told.caseId, judged.word], { account });
      return judged;
    }

    return { ...chain, board, enclaves, images, roots, worker, open, attest };
  }

  it("default: R56 real verifiers' words register AMD's and AWS's enclaves; facts and words are the contract's", async () => {
    const { open, attest, board, enclaves, images, worker, networkHelpers } = await setUp();
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
    const { open, attest, board, enclaves, images, worker, networkHelpers } = await setUp();
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
