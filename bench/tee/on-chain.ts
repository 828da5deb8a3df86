// SPDX-License-Identifier: GPL-3.0-or-later
// Gas of Intel's evidence on chain, as whole transactions, with the P-256 precompile and without.
import { toHex, type Hex } from "viem";
import { enclaveResultDigest, encodeEnclaveEvidence } from "../../offchain/core/enclave-result.ts";
import { signDigest } from "../../offchain/core/signature.ts";
import { keccakText } from "../../offchain/core/tagged-hash.ts";
import type { BenchRow } from "../../scripts/bench.ts";
import { sampleManifest } from "../../test/support/sample-manifest.ts";
import { createEnclaveChain, runtimeOf, SECRET } from "../../test/support/tee/enclave-chain.ts";
import { fixtureInputs, fixtureManifest, secondsOf } from "../../test/support/tee/fixtures.ts";
import { createIntelChain, packed } from "../../test/support/tee/intel-chain.ts";

type Report = (row: BenchRow) => void;

/** A key registered, renewed, and one result of it; simulated evidence. */
async function simulatedKey(report: Report, hardfork: "osaka" | "prague"): Promise<void> {
  const name = `simulated TDX v4, ${hardfork === "osaka" ? "precompile" : "no precompile"}`;
  const say = (metric: string, value: bigint) => report({ case: name, metric, value: Number(value), unit: "gas" });
  const chain = await createEnclaveChain({ hardfork });
  await chain.listImage();
  for (const [call, gas] of chain.gas) say(call, gas);
  say("verify", await chain.verifyGas(packed(chain.plain.evidence)));
  const { viem, client, enclaves, worker } = chain;
  const models = await viem.deployContract("ModelRegistry");
  const manifest = sampleManifest();
  await models.write.register([manifest]);
  const runtime = runtimeOf(await models.read.idOf([manifest]));
  say("register a key", await chain.register(await chain.bound({}, runtime)));
  say("renew a key", await chain.register(await chain.bound({ epoch: 2 }, runtime)));
  const { address, abi } = await viem.deployContract("EnclaveEvidence", [enclaves.address, models.address]);
  const word: Hex = keccakText("word");
  const result = {
    claim: { jobId: word, stage: 0, inDigest: word, outDigest: word, worker },
    channelHash: word,
    epoch: 2,
  };
  const evidence = encodeEnclaveEvidence(result, signDigest(enclaveResultDigest(word, result), SECRET));
  const [stage] = manifest.stages as [(typeof manifest.stages)[number]];
  const args = [word, result.claim, stage, toHex(evidence)] as const;
  say("check a result", await client.estimateContractGas({ address, abi, functionName: "check", args }));
}

/** Intel's own quotes, where they are mounted. */
async function realQuotes(report: Report, progress: (text: string) => void): Promise<void> {
  const manifest = fixtureManifest();
  if (manifest === undefined) return progress("real evidence is not mounted, left out");
  for (const item of manifest.cases.filter(
    ({ expect, format }) => expect.verify === "ok" && format.startsWith("dcap"),
  )) {
    const [input] = fixtureInputs(item);
    if (input === undefined) continue;
    const chain = await createIntelChain({ now: secondsOf(item.now) });
    const quote = packed(input.evidence);
    await chain.show(quote, input.endorsements);
    const say = (metric: string, value: bigint) =>
      report({ case: `real ${item.id}, precompile`, metric, value: Number(value), unit: "gas" });
    for (const [call, gas] of chain.gas) say(call, gas);
    say("verify", await chain.verifyGas(quote));
  }
}

export async function onChain(report: Report, progress: (text: string) => void): Promise<void> {
  progress("on chain");
  await simulatedKey(report, "osaka");
  await simulatedKey(report, "prague");
  await realQuotes(report, progress);
}
