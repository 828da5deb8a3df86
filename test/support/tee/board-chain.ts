// SPDX-License-Identifier: GPL-3.0-or-later
// SIMULATED evidence of three vendors before the verdict board, with attesters who run the real verifier.
import { parseEther, parseEventLogs, toHex, type Address, type Hex } from "viem";
import { fromHex } from "../../../offchain/core/bytes.ts";
import { bindReportData } from "../../../offchain/core/enclave-binding.ts";
import { addressOfKey } from "../../../offchain/core/signature.ts";
import { keccakText } from "../../../offchain/core/tagged-hash.ts";
import { encodeEndorsements, judgeCase, type ShownCase } from "../../../offchain/engines/tee/board.ts";
import { SimulatedPlatform } from "../../../offchain/engines/tee/sim/platform.ts";
import type { EvidenceFormat } from "../../../offchain/engines/tee/verdict.ts";
import { verifyEvidence } from "../../../offchain/engines/tee/verify.ts";
import { createHubChain } from "../hub-chain.ts";
import { BUNDLE, MODEL, runtimeOf } from "./enclave-chain.ts";
import { REPORT } from "./simulated.ts";

export const REWARD = parseEther("1");
export const STAKE = 100n * REWARD;
const VENDORS = { "snp-report": 3, "nitro-cose": 4, "nvidia-spdm11": 5 } as const;

/** A board of attesters, one less than `workers`, and a registry that believes it; the images of both vendors are listed. */
export async function createBoardChain(workers = 18) {
  const chain = await createHubChain(workers);
  const { viem, publicClient, networkHelpers, signers, me, vault, token } = chain;
  const { timestamp } = await publicClient.getBlock();
  const from = timestamp - 3600n;
  const platform = new SimulatedPlatform(new Uint8Array(32).fill(0x11), { from, to: from + 30n * 86_400n });
  const roots = platform.roots(["amd", "aws", "nvidia"]);
  const pinned = roots.roots.filter(({ kind }) => kind === "simulated").map(({ spkiSha256 }): Hex => `0x${spkiSha256}`);
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
    if (event === undefined) throw new TypeError("no case");
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
    const [seats, about] = await Promise.all([
      board.read.seatsOf([told.caseId, 0]),
      board.read.digestOf([told.caseId]),
    ]);
    for (const account of seats.slice(0, 4)) await board.write.post([told.caseId, about, judged.word], { account });
    return judged;
  }

  return { ...chain, board, enclaves, images, roots, worker, open, attest };
}
