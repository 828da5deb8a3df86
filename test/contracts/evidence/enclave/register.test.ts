// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex, zeroAddress, type Hex } from "viem";
import { encodeEnclaveEvidence, enclaveResultDigest } from "../../../../offchain/core/enclave-result.ts";
import { domainSeparator } from "../../../../offchain/core/eip712.ts";
import { addressOfKey, signDigest } from "../../../../offchain/core/signature.ts";
import { issueCrl } from "../../../../offchain/engines/tee/sim/certificates.ts";
import { SimulatedVendor } from "../../../../offchain/engines/tee/sim/vendor.ts";
import { keccakText } from "../../../../offchain/core/tagged-hash.ts";
import { readPem } from "../../../../offchain/engines/tee/bytes/pem.ts";
import { requireBinding } from "../../../../offchain/engines/tee/bind.ts";
import type { IntelCollateral } from "../../../../offchain/engines/tee/verdict.ts";
import { verifyEvidence } from "../../../../offchain/engines/tee/verify.ts";
import { sampleManifest } from "../../../support/sample-manifest.ts";
import { createEnclaveChain, MODEL, runtimeOf, SECRET, type EnclaveChain } from "../../../support/tee/enclave-chain.ts";
import { keyOf, NO_LIMIT, packed, revertOf } from "../../../support/tee/intel-chain.ts";
import { first, type Json } from "../../../support/tee/intel-refusals.ts";
import { NOW, PERIOD, simulated } from "../../../support/tee/simulated.ts";

const KEY = addressOfKey(SECRET);

/** Newer collateral that raises or demotes what the same platform has. */
const later = (evaluation: number, edit: (json: Json) => void): IntelCollateral =>
  simulated({
    intel: {
      editTcbInfo(json) {
        json["tcbEvaluationDataNumber"] = evaluation;
        edit(json);
      },
    },
  }).intel.collateral(true);

describe("R58: enclaves' keys on chain, by simulated quotes", () => {
  let chain: EnclaveChain;
  let fresh: { restore(): Promise<void> };
  let signer: Hex;
  before(async () => {
    chain = await createEnclaveChain();
    await chain.listImage();
    signer = keyOf(readPem((chain.plain.endorsements as IntelCollateral).tcbInfoChain)[0] ?? new Uint8Array());
    fresh = await chain.networkHelpers.takeSnapshot();
  });
  afterEach(() => fresh.restore());

  const showTcbInfo = async (collateral: IntelCollateral): Promise<void> => {
    const { tcbInfo, tcbInfoSignature: s } = collateral;
    await chain.collateral.write.submitTcbInfo([toHex(tcbInfo), toHex(s.slice(0, 32)), toHex(s.slice(32)), signer]);
  };

  it("default: a quote registers a key, as the off-chain verifier and its binding say, for at most 230,000 gas", async () => {
    const one = await chain.bound();
    const now = NOW + 49n * 3600n;
    const verdict = verifyEvidence(one.evidence, chain.plain.endorsements, simulated().roots(["intel"]), now);
    requireBinding(verdict, one.evidence, one.binding);
    const gas = await chain.register(one);
    expect(Number(gas)).to.be.at.most(230_000);
    const [event] = await chain.enclaves.getEvents.EnclaveRegistered();
    expect(event?.args.measurementId).to.equal(verdict.measurementId);
    expect(event?.args.platformId).to.equal(verdict.platformId);
    expect([event?.args.simulated, event?.args.challenge]).to.deep.equal([true, one.binding.challenge]);
    const enclave = await chain.enclaves.read.enclave([KEY]);
    const { timestamp } = await chain.client.getBlock();
    expect(enclave).to.deep.include({ modelId: MODEL, worker: event?.args.worker, epoch: 1, status: 0, vendor: 130 });
    expect(BigInt(enclave.expiry)).to.equal(timestamp + 7n * 86_400n);
    expect(await chain.enclaves.read.isLive([KEY, timestamp + 86_400n])).to.equal(true);
  });

  it("error: BindingMismatch for a quote of another chain, registry, key, worker, epoch, block or runtime", async () => {
    const plain = await chain.bound();
    const word = keccakText("another");
    const others = [
      { chainId: 1n }, { registry: zeroAddress }, { key: zeroAddress }, { channelKey: word }, { sealKey: word },
      { worker: word }, { epoch: 2 }, { challenge: word },
    ] as const; // prettier-ignore
    for (const other of others) {
      const { evidence } = await chain.bound(other);
      expect(await revertOf(() => chain.register({ ...plain, evidence })), Object.keys(other)[0]).to.equal("BindingMismatch"); // prettier-ignore
    }
    const { evidence } = await chain.bound({}, new Uint8Array(160));
    const swapped = { ...plain, evidence: { ...evidence, runtime: plain.evidence.runtime } };
    expect(await revertOf(() => chain.register(swapped))).to.equal("BindingMismatch");
  });

  it("error: a quote shown twice, one of an old block, and one of a program that nobody listed", async () => {
    const one = await chain.bound();
    await chain.register(one);
    expect(await revertOf(() => chain.register(one))).to.equal("EpochWrong");
    const renewed = await chain.bound({ epoch: 2 });
    await chain.networkHelpers.mine(257);
    expect(await revertOf(() => chain.register(renewed))).to.equal("ChallengeOld");
    await chain.register(await chain.bound({ epoch: 2 }));
    const bare = await createEnclaveChain();
    await bare.show(packed(bare.plain.evidence), bare.plain.endorsements);
    expect(await revertOf(async () => bare.register(await bare.bound()))).to.equal("ImageUnknown");
  });

  it("R59: behavior: anyone ends keys of a revoked platform, and of one that newer collateral demotes, after its grace", async () => {
    const one = await chain.bound();
    await chain.register(one);
    const registered = await chain.networkHelpers.takeSnapshot();
    expect(await revertOf(() => chain.invalidateBy(one))).to.equal("NothingToEnd");
    expect(await revertOf(() => chain.enclaves.write.invalidate([KEY]))).to.equal("NothingToEnd");
    // Demoted: in grace first. A registered key does not live as long as the grace, so it is renewed meanwhile.
    await showTcbInfo(later(18, (json) => void (first(json, "tcbLevels")["tcbStatus"] = "OutOfDate")));
    expect(await revertOf(() => chain.invalidateBy(one))).to.equal("NothingToEnd");
    await chain.networkHelpers.time.increase(8 * 86_400);
    const second = await chain.bound({ epoch: 2 });
    await chain.register(second);
    expect((await chain.enclaves.read.enclave([KEY])).status).to.equal(4);
    await chain.networkHelpers.time.increase(6 * 86_400 + 3600);
    expect(await revertOf(() => chain.invalidateBy(one))).to.equal("EpochWrong");
    await chain.invalidateBy(second);
    expect(await chain.enclaves.read.isLive([KEY, 0n])).to.equal(false);
    expect(await revertOf(async () => chain.register(await chain.bound({ epoch: 3 })))).to.equal("StatusNotAdmitted");
    // Below every level that Intel lists, without any grace: the evaluation before did not know it either.
    await registered.restore();
    const raise = (json: Json) => {
      for (const level of json["tcbLevels"] as Json[]) (level["tcb"] as Json)["pcesvn"] = 12;
    };
    await showTcbInfo(later(18, raise));
    await showTcbInfo(later(19, raise));
    await chain.invalidateBy(one);
    expect(await chain.enclaves.read.isLive([KEY, 0n])).to.equal(false);
    // Revoked.
    await registered.restore();
    const { ca, pck } = packed(one.evidence);
    const keys = simulated().intel.keys;
    const list = { issuer: "Intel SGX PCK Platform CA", signer: keys.ca, nextUpdate: PERIOD.to, serials: [3] };
    await chain.collateral.write.submitCrl([toHex(issueCrl({ ...list, thisUpdate: NOW })), keyOf(ca), NO_LIMIT]);
    expect(await chain.collateral.read.isRevoked([keyOf(pck)])).to.equal(true);
    expect(await chain.enclaves.read.isLive([KEY, 0n])).to.equal(false);
    await chain.enclaves.write.invalidate([KEY]);
    expect(await revertOf(() => chain.enclaves.write.invalidate([KEY]))).to.equal("NothingToEnd");
  });

  it("R59: behavior: a list that revokes one machine ends its keys alone: others under the same root stay, renew and register", async () => {
    const vendor = new SimulatedVendor(new Uint8Array(32).fill(0x11), PERIOD);
    const keys = [KEY, addressOfKey(new Uint8Array(32).fill(8)), addressOfKey(new Uint8Array(32).fill(9))] as const;
    const quoted = async (machine: number, epoch = 1) =>
      chain.bound({ key: keys[machine] ?? KEY, epoch }, runtimeOf(MODEL), vendor.platform(machine));
    const caKey = keyOf(packed(chain.plain.evidence).ca);
    const pcks = await Promise.all([0, 1, 2].map(async (at) => packed((await quoted(at)).evidence).pck));
    // The third one's certificate is not shown yet.
    await chain.collateral.write.registerPck([toHex(pcks[1] ?? ""), caKey]);
    for (const machine of [0, 1]) await chain.register(await quoted(machine));
    const registrations = await chain.enclaves.getEvents.EnclaveRegistered({}, { fromBlock: 0n });
    expect(new Set(registrations.map(({ args }) => args.platformId)).size).to.equal(2);
    expect(new Set(registrations.map(({ args }) => args.measurementId)).size).to.equal(1);

    const { timestamp } = await chain.client.getBlock();
    const lists = [1, 2].map((machine) => {
      vendor.revoke(machine, timestamp - 2n + BigInt(machine));
      return toHex(vendor.platform(0).intel.collateral(true).pckCrl);
    });
    await chain.collateral.write.submitCrl([lists[0] ?? "0x", caKey, NO_LIMIT]);
    expect(await revertOf(() => chain.enclaves.write.invalidate([keys[0]]))).to.equal("NothingToEnd");
    await chain.enclaves.write.invalidate([keys[1]]);
    const isLive = async () => Promise.all(keys.map(async (key) => chain.enclaves.read.isLive([key, 0n])));
    expect(await isLive()).to.deep.equal([true, false, false]);
    // Neither the same quote again, nor a new one, nor a machine that is on a list before the chain knew it.
    expect(await revertOf(async () => chain.register(await quoted(1, 2)))).to.equal("CertificateRevoked");
    await chain.collateral.write.submitCrl([lists[1] ?? "0x", caKey, NO_LIMIT]);
    expect(await revertOf(() => chain.collateral.write.registerPck([toHex(pcks[2] ?? ""), caKey]))).to.equal(
      "CertificateRevoked",
    );
    await chain.register(await quoted(0, 2));
    expect(await isLive()).to.deep.equal([true, false, false]);
  });

  it("default: core's EnclaveResult is what the adapter takes, for at most 70,000 gas", async () => {
    const { viem, client, worker, enclaves, chainId } = chain;
    const models = await viem.deployContract("ModelRegistry");
    const manifest = sampleManifest();
    const modelId = await models.read.idOf([manifest]);
    await models.write.register([manifest]);
    const adapter = await viem.deployContract("EnclaveEvidence", [enclaves.address, models.address]);
    await chain.register(await chain.bound({}, runtimeOf(modelId)));
    const domain = domainSeparator({ chainId, hub: adapter.address });
    const word = keccakText("word");
    const claim = { jobId: word, stage: 0, inDigest: word, outDigest: word, worker };
    const result = { claim, channelHash: word, epoch: 1 };
    const signature = signDigest(enclaveResultDigest(domain, result), SECRET);
    const [stage] = manifest.stages as [(typeof manifest.stages)[number]];
    const check = (evidence: Uint8Array, said = claim) => [domain, said, stage, toHex(evidence)] as const;
    const evidence = encodeEnclaveEvidence(result, signature);
    expect(evidence.length).to.equal(98);
    await adapter.read.check(check(evidence));
    const { address, abi } = adapter;
    const gas = await client.estimateContractGas({ address, abi, functionName: "check", args: check(evidence) });
    expect(Number(gas)).to.be.at.most(70_000);
    const lie = { ...claim, outDigest: keccakText("a lie") };
    expect(await revertOf(() => adapter.read.check(check(evidence, lie)))).to.equal("SignerUnknown");
  });
});
