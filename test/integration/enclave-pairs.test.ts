// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { hexToBytes, parseEventLogs, toHex, type Hex } from "viem";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { enclaveRegistryAbi } from "../../offchain/adapters/chain/abi/enclave-registry.ts";
import { evidenceRouterAbi } from "../../offchain/adapters/chain/abi/evidence-router.ts";
import { intelCollateralAbi } from "../../offchain/adapters/chain/abi/intel-collateral.ts";
import { keyRegistryAbi } from "../../offchain/adapters/chain/abi/key-registry.ts";
import { measurementRegistryAbi } from "../../offchain/adapters/chain/abi/measurement-registry.ts";
import { modelRegistryAbi } from "../../offchain/adapters/chain/abi/model-registry.ts";
import { verdictBoardAbi } from "../../offchain/adapters/chain/abi/verdict-board.ts";
import type { AuditOptions, AuditReport } from "../../offchain/audit/audit-report.ts";
import { openBundle } from "../../offchain/audit/bundle/open-bundle.ts";
import { enclaveEvidence } from "../../offchain/audit/evidence/enclave.ts";
import type { JobContext } from "../../offchain/audit/evidence/evidence-class.ts";
import { verifyReceiptFile } from "../../offchain/audit/verify-receipt-file.ts";
import { receiptVerify } from "../../offchain/cli/commands/receipt/verify.ts";
import { EXIT } from "../../offchain/cli/exit-code.ts";
import { commitment } from "../../offchain/core/claim.ts";
import { domainSeparator } from "../../offchain/core/eip712.ts";
import { bindReportData, encodeRuntime, enclaveConfigDigest } from "../../offchain/core/enclave-binding.ts";
import { encodeEnclaveBundle, enclaveProofDigest } from "../../offchain/core/enclave-bundle.ts";
import { encodeEnclaveEvidence, enclaveResultDigest } from "../../offchain/core/enclave-result.ts";
import { modelId as modelIdOf } from "../../offchain/core/model.ts";
import { decodeReceipt, encodeReceipt, type BoardEvidence, type EnclavedTally, type ProvenTally, type Receipt } from "../../offchain/core/receipt.ts"; // prettier-ignore
import { addressOfKey, signDigest } from "../../offchain/core/signature.ts";
import { keccakText } from "../../offchain/core/tagged-hash.ts";
import { ENCLAVE, PROOF, ZERO_BYTES32, type DigestKind } from "../../offchain/core/types.ts";
import { SAMPLED_ENCLAVE } from "../../offchain/core/verify-enclaves.ts";
import { boundaryDigest } from "../../offchain/core/batch-tensors.ts";
import { publicDigest } from "../../offchain/core/digest.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../offchain/core/salts.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../offchain/engines/program/run-model.ts";
import { addOneFolder } from "../support/tee/add-one-folder.ts";
import { enclaveManifest } from "../support/tee/inner.ts";
import { encodeProofEvidence } from "../../offchain/core/zk/evidence.ts";
import { encodeEndorsements, judgeCase } from "../../offchain/engines/tee/board.ts";
import { packQuote } from "../../offchain/engines/tee/dcap/pack.ts";
import { SimulatedPlatform } from "../../offchain/engines/tee/sim/platform.ts";
import type { IntelCollateral } from "../../offchain/engines/tee/verdict.ts";
import { verifyEvidence } from "../../offchain/engines/tee/verify.ts";
import { intelSet } from "../../offchain/node/enclave/intel-set.ts";
import { connect } from "../../offchain/sdk/node/connect.ts";
import { deployEnclaves, type EnclaveDeployment } from "../../scripts/deploy/deploy-enclaves.ts";
import {
  audit,
  EMPTY,
  exportFrom,
  FIRST_WORKER,
  forge,
  openContext,
  REQUESTER,
  REWARD,
  startScenario,
  WORKERS,
} from "../support/audit-scenario.ts";
import { captureCli } from "../support/capture-cli.ts";
import { startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { honestDigest, provenModel, provenTally } from "../support/proven-receipt.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { BUNDLE } from "../support/tee/enclave-chain.ts";
import { REPORT } from "../support/tee/simulated.ts";

const ATTESTER_STAKE = 10n ** 18n;
const TWO_DAYS = 48 * 3600;
/** Signers of two workers: one has a TD, the other an enclave of AWS. */
const [INTEL, AWS] = [FIRST_WORKER, FIRST_WORKER + 1] as const;
/** Of a second enclave of AWS's worker. */
const LONE = new Uint8Array(32).fill(0x44);
const JOB_SECRET = new Uint8Array(32).fill(0x45);
const INPUT = { dtype: "i8", dims: [1, 8], data: Int8Array.from([3, -7, 50, 11, 0, -99, 98, 1]) } as const;
const SECRETS = new Map([INTEL, AWS].map((index) => [index, new Uint8Array(32).fill(index)]));

/** A critical job, made by hand: its proof is a forgery under a known key, its enclaves are SIMULATED, their quotes are not looked through. */
describe("bundles of critical jobs in two enclaves, and of what one of AWS answers alone", function suite() {
  this.timeout(120_000);
  let chain: TestChain;
  let made: EnclaveDeployment;
  let jobId: Hex;
  /** Of `fast-enclave`. */
  let loneId: Hex;
  let awsRoot: Hex;
  const loneModel = addOneFolder(enclaveManifest(), INPUT.data.length);
  let folder: string;

  before(async () => {
    chain = await startTestChain();
    const { domain, write, request, reader } = await startScenario(chain);
    const { registry, router, keys, vault, token, hub } = chain.deployment;
    const { timestamp } = await reader.getBlock();
    const period = { from: timestamp, to: timestamp + 30n * 86_400n };
    const platform = new SimulatedPlatform(new Uint8Array(32).fill(0x11), period);
    const roots = platform.roots(["intel", "aws"]);
    const simulatedRoots = roots.roots.flatMap(({ kind, spkiSha256 }): Hex[] => kind === "simulated" ? [`0x${spkiSha256}`] : []); // prettier-ignore
    const aws = roots.roots.find(({ kind, vendor }) => kind === "simulated" && vendor === "aws");
    awsRoot = `0x${aws?.spkiSha256 ?? ""}`;
    const { public: publicClient, wallet: walletClient } = chain.clients(0);
    const beside = { models: registry, token, vault, attesterStake: ATTESTER_STAKE, simulatedRoots };
    made = await deployEnclaves({ publicClient, walletClient, ...beside });
    const asTimelock = async (address: Hex, abi: unknown, functionName: string, args: readonly unknown[]) =>
      write(0, address, abi, functionName, args);
    await asTimelock(router, evidenceRouterAbi, "announce", [ENCLAVE, made.evidence]);
    const formats = ["dcap-tdx-v4", "nitro-cose"] as const;
    const images = formats.map((format) => {
      const { evidence, endorsements } = platform.attest(format, REPORT);
      return verifyEvidence(evidence, endorsements, roots, timestamp).measurementId;
    });
    for (const image of images) await asTimelock(made.images, measurementRegistryAbi, "announce", [image, BUNDLE]);
    await chain.rpc("evm_increaseTime", [TWO_DAYS]);
    await asTimelock(router, evidenceRouterAbi, "add", [ENCLAVE]);
    for (const image of images) await asTimelock(made.images, measurementRegistryAbi, "list", [image]);

    const toy = provenModel(1);
    const manifest = { ...toy.manifest, acceptedMasks: 1 << (ENCLAVE | PROOF) };
    const modelId = modelIdOf(manifest);
    await write(REQUESTER, registry, modelRegistryAbi, "register", [manifest]);
    for (const { bytes } of toy.keys) await write(REQUESTER, keys, keyRegistryAbi, "add", [toHex(bytes)]);

    // Both keys.
    const configDigest = enclaveConfigDigest({ chainId: 31_337n, hub, registry: made.enclaves });
    const runtimeOf = (id: Hex) => encodeRuntime({ bundleDigest: BUNDLE, modelId: id, gpuDigest: ZERO_BYTES32, configDigest }); // prettier-ignore
    const runtime = runtimeOf(modelId);
    const attest = async (
      index: number,
      format: (typeof formats)[number],
      secret: Uint8Array | undefined = SECRETS.get(index),
      its = runtime,
    ) => {
      const { number, hash } = await reader.getBlock();
      const key = addressOfKey(secret ?? new Uint8Array());
      const shown = { key, channelKey: keccakText("channel"), sealKey: keccakText("seal"), epoch: 1 };
      const { address } = chain.account(index);
      const worker: Hex = `0x${address.slice(2).toLowerCase().padStart(64, "0")}`;
      const bound = { ...shown, chainId: 31_337n, registry: made.enclaves, worker, challenge: hash };
      const report = { ...REPORT, reportData: bindReportData(bound, its) };
      const binding = { ...shown, worker: address, challengeBlock: number };
      return { ...platform.attest(format, report, its), binding };
    };
    const td = await attest(INTEL, "dcap-tdx-v4");
    const packed = packQuote(td.evidence);
    const set = intelSet(packed, td.endorsements as IntelCollateral);
    const { root, ca, pck, signer, tcbInfo, identity } = set;
    for (const [name, args] of [
      ["registerRoot", [root.der]],
      ["submitCrl", [set.rootCrl, root.key, 200n]],
      ["registerAuthority", [ca.der, root.key]],
      ["submitCrl", [set.caCrl, ca.key, 200n]],
      ["registerPck", [pck.der, ca.key]],
      ["registerAuthority", [signer.der, root.key]],
      ["submitTcbInfo", [tcbInfo.text, tcbInfo.r, tcbInfo.s, signer.key]],
      ["submitIdentity", [identity.text, identity.r, identity.s, signer.key]],
    ] as const)
      await write(REQUESTER, made.collateral, intelCollateralAbi, name, args);
    await write(INTEL, made.enclaves, enclaveRegistryAbi, "register", [toHex(packed.packed), pck.key, td.binding, toHex(runtime)]); // prettier-ignore

    const board = { address: made.board, abi: verdictBoardAbi } as const;
    for (let index = AWS; index < FIRST_WORKER + WORKERS; index++) {
      await write(REQUESTER, token, devTokenAbi, "mint", [chain.account(index).address, 10n * ATTESTER_STAKE]);
      await write(index, token, devTokenAbi, "approve", [made.board, 10n * ATTESTER_STAKE]);
      await write(index, made.board, verdictBoardAbi, "deposit", [10n * ATTESTER_STAKE]);
      if (index !== AWS) await write(index, made.board, verdictBoardAbi, "join", []);
    }
    const registerAws = async (secret: Uint8Array, its: Uint8Array) => {
      const document = await attest(AWS, "nitro-cose", secret, its);
      await write(AWS, made.board, verdictBoardAbi, "open", [4, toHex(document.evidence.bytes), toHex(encodeEndorsements(document.endorsements)), document.binding.challengeBlock]); // prettier-ignore
      for (let i = 0; i < 4; i++) await chain.rpc("evm_mine");
      const logs = await reader.getLogs({ address: made.board, fromBlock: 0n });
      const opened = parseEventLogs({ abi: verdictBoardAbi, eventName: "CaseOpened", logs }).at(-1);
      if (opened === undefined) return expect.fail("no case");
      const { caseId, vendor, openedAt, evidence, endorsements } = opened.args;
      const told = { chainId: 31_337n, board: made.board, caseId, vendor, openedAt: BigInt(openedAt) };
      const judged = judgeCase({ ...told, evidence: hexToBytes(evidence), endorsements: hexToBytes(endorsements) }, roots); // prettier-ignore
      const seats = await reader.readContract({ ...board, functionName: "seatsOf", args: [caseId, 0] });
      const indexOf = (account: Hex) => {
        const found = Array.from({ length: WORKERS }, (_, i) => FIRST_WORKER + i).find((i) => chain.account(i).address.toLowerCase() === account.toLowerCase()); // prettier-ignore
        return found ?? expect.fail("no attester");
      };
      const about = await reader.readContract({ ...board, functionName: "digestOf", args: [caseId] });
      for (const seat of seats.slice(0, 4)) await write(indexOf(seat), made.board, verdictBoardAbi, "post", [caseId, about, judged.word]); // prettier-ignore
      await chain.rpc("evm_increaseTime", [30]);
      await write(AWS, made.enclaves, enclaveRegistryAbi, "registerByVerdict", [caseId, judged.facts, document.binding, toHex(its)]); // prettier-ignore
      return undefined;
    };
    await registerAws(SECRETS.get(AWS) ?? new Uint8Array(), runtime);

    // A job of which both workers are candidates.
    const policy = { mask: ENCLAVE | PROOF, k: 2, flags: 0, seatStake: 24n * REWARD, tWork: 60 };
    const ask = async (): ReturnType<typeof request> => {
      const one = await request(modelId, honestDigest(0, 1), policy, 12);
      const both = [INTEL, AWS].every((index) => one.seats.some((seat) => seat.index === index));
      return both ? one : ask();
    };
    const asked = await ask();
    jobId = asked.id;
    const [prover, second] = [INTEL, AWS].map((index) => chain.account(index).address) as [Hex, Hex];
    const order = { model: toy, job: asked.job, stage: 0, tally: 0, worker: prover };
    const tally = provenTally({ ...order, domain, jobId });
    const claim = { jobId, stage: 0, inDigest: honestDigest(0, 1), outDigest: tally.outDigest, worker: prover };
    const proof = encodeProofEvidence(tally.evidence);
    const result = (index: number): Hex => {
      const said = { claim: { ...claim, worker: chain.account(index).address }, channelHash: ZERO_BYTES32, epoch: 1 };
      const signature = signDigest(enclaveResultDigest(domain, said), SECRETS.get(index) ?? new Uint8Array());
      return toHex(encodeEnclaveEvidence(said, signature));
    };
    const signed = signDigest(enclaveProofDigest(domain, claim, proof, 1), SECRETS.get(INTEL) ?? new Uint8Array());
    const bundle = { second, result: result(INTEL), secondResult: result(AWS), ...signed, proof: toHex(proof) };
    const shown = { worker: prover, outDigest: tally.outDigest, evidence: toHex(encodeEnclaveBundle(bundle)) };
    await write(INTEL, hub, assayHubAbi, "submitProofs", [asked.job, EMPTY, manifest.stages, [shown], "0x"]);

    // Another that a second enclave of the same machine of AWS answers alone, by a model that an auditor can run.
    await write(REQUESTER, registry, modelRegistryAbi, "register", [loneModel.manifest]);
    const loneModelId = modelIdOf(loneModel.manifest);
    await registerAws(LONE, runtimeOf(loneModelId));
    const model = await loadModel(loneModel.folder);
    const [stage] = loneModel.manifest.stages;
    const digest = (bytes: Uint8Array, kind: number, at: number) => boundaryDigest(kind as DigestKind, bytes, boundarySalt(JOB_SECRET, at, kind as DigestKind), 0); // prettier-ignore
    const { output, stages } = await runModel(model, INPUT, createReferenceExecutor());
    const probe = stages[0]?.probe;
    const payload = probe === undefined || probe === null ? ZERO_BYTES32 : publicDigest(encodeTensor(probe));
    const inDigest = digest(encodeTensor(INPUT), stage?.inKind ?? 0, INPUT_BOUNDARY);
    const outDigest = digest(encodeTensor(output), stage?.outKind ?? 0, 0);
    const lastRecord = async (id: Hex, eventName: "Proposed" | "StageTallied") => {
      const at = {
        address: hub,
        abi: assayHubAbi,
        eventName,
        args: { jobId: id },
        fromBlock: 0n,
        strict: true,
      } as const;
      const events = await reader.getContractEvents(at);
      return events.at(-1)?.args.record ?? expect.fail(`no ${eventName}`);
    };
    const lone = { mask: SAMPLED_ENCLAVE, k: 3, auditBps: 10, seatStake: 1_099n * REWARD, window: 15, tWork: 60 };
    const answer = async (): Promise<Hex> => {
      const one = await request(loneModelId, inDigest, lone, 12);
      if (!one.seats.some((seat) => seat.index === AWS)) return answer();
      const salt = keccakText("salt");
      const said = { jobId: one.id, stage: 0, inDigest, outDigest, worker: second };
      await write(AWS, hub, assayHubAbi, "propose", [one.job, EMPTY, commitment(domain, { claim: said, round: 0, payload, salt })]); // prettier-ignore
      for (let i = 0; i < 3; i++) await chain.rpc("evm_mine");
      const words = { claim: said, channelHash: ZERO_BYTES32, epoch: 1 };
      const signature = signDigest(enclaveResultDigest(domain, words), LONE);
      try {
        await write(AWS, hub, assayHubAbi, "open", [one.job, await lastRecord(one.id, "Proposed"), loneModel.manifest.stages, outDigest, payload, salt, toHex(encodeEnclaveEvidence(words, signature))]); // prettier-ignore
      } catch (error) {
        // One in a thousand is audited.
        if (String(error).includes("AuditDue")) return answer();
        throw error;
      }
      await chain.rpc("evm_increaseTime", [30]);
      await write(REQUESTER, hub, assayHubAbi, "settle", [one.job, await lastRecord(one.id, "StageTallied"), "0x"]);
      return one.id;
    };
    loneId = await answer();
    folder = join(temporaryFolder(), "bundle");
    await exportFrom(chain, { folder, jobs: [jobId, loneId] });
    return undefined;
  });
  after(async () => chain.close());

  const place = (index: number, name: string) =>
    `jobs/${jobId}/enclaves/${addressOfKey(SECRETS.get(index) ?? new Uint8Array())}.${name}`;
  const lonePlace = (name: string) => `jobs/${loneId}/enclaves/${addressOfKey(LONE)}.${name}`;

  it("R69, R75: behavior: both vendors' evidence is judged again at its own time; a changed document is named", async () => {
    const paths = ["quote", "collateral"].flatMap((name) => openBundle(folder).ofClass(name).map(({ path }) => path)); // prettier-ignore
    expect(paths).to.have.members([
      place(INTEL, "quote"),
      place(INTEL, "collateral.json"),
      place(AWS, "quote"),
      place(AWS, "endorsements"),
      lonePlace("quote"),
      lonePlace("endorsements"),
    ]);
    const flip = (bytes: Uint8Array) => bytes.with(400, (bytes[400] ?? 0) ^ 1);
    const forged = forge(folder, join(temporaryFolder(), "forged"), {
      [place(AWS, "quote")]: flip,
      [lonePlace("quote")]: flip,
    });
    const claims = await audit(forged);
    const named = claims.filter(({ verdict }) => verdict === "false").map(({ id, artefact }) => [id, artefact]);
    expect(named).to.have.deep.members([
      [`job/${jobId}/attestations`, place(AWS, "quote")],
      [`job/${loneId}/attestations`, lonePlace("quote")],
    ]);
    const registered = claims.find(({ id }) => id === `job/${jobId}/enclaves`);
    expect(registered?.detail).to.match(/^2 keys signed 1 stages: .* of 2 families$/);
    const lone = claims.find(({ id }) => id === `job/${loneId}/enclaves`);
    expect(lone?.detail).to.match(/^1 registrations are the registry's own/);
  });

  it("R62, R68: `assay receipt verify --rpc --hub` asks the registry whose enclaves signed, of which families, and says SIMULATED", async () => {
    const { hub } = chain.deployment;
    const file = join(temporaryFolder(), "job.receipt");
    const own = openBundle(folder).read(`jobs/${jobId}/receipt`);
    const verify = async (bytes: Uint8Array, ...options: readonly string[]) => {
      writeFileSync(file, bytes);
      const { code, out } = await captureCli([receiptVerify], ["receipt", "verify", file, ...options, "--json"]);
      const { checks, guarantee } = JSON.parse(out) as AuditReport;
      const detail = checks.find(({ name }) => name === "enclaves")?.detail ?? "";
      return { code, detail, evidence: guarantee?.evidence, failed: checks.filter(({ ok }) => !ok).map(({ name }) => name) }; // prettier-ignore
    };
    const online = ["--rpc", chain.url, "--hub", hub] as const;
    const [keyOf, workerOf] = [(index: number) => addressOfKey(SECRETS.get(index) ?? new Uint8Array()), (index: number) => chain.account(index).address]; // prettier-ignore
    const asked = await verify(own, ...online);
    expect(asked).to.deep.include({ code: EXIT.done, failed: [], evidence: ["PROOF (DEVELOPMENT KEY)", "ENCLAVE (SIMULATED)"] }); // prettier-ignore
    for (const [index, family] of [[INTEL, "intel"], [AWS, "aws"]] as const) // prettier-ignore
      expect(asked.detail.toLowerCase()).to.include(`${keyOf(index)} (${family}, of worker ${workerOf(index)})`.toLowerCase()); // prettier-ignore
    expect(asked.detail).to.match(/^signed by registered keys .* of SIMULATED enclaves, which prove nothing about hardware$/); // prettier-ignore
    // Offline nobody knows whose keys these are; a local chain's are taken for SIMULATED.
    const offline = await verify(own);
    expect(offline).to.deep.include({ code: EXIT.done, evidence: asked.evidence });
    expect(offline.detail).to.match(/^signed by keys .*: that they are enclaves' of two vendors, the hub's acceptance says$/); // prettier-ignore
    expect(await verify(own, "--rpc", chain.url, "--hub", made.enclaves)).to.deep.include({ code: EXIT.failed, failed: ["expected", "chain hub"] }); // prettier-ignore

    // Signatures that are good, by keys that the registry does not have, or has for somebody else.
    const receipt = decodeReceipt(own);
    const [proven] = receipt.proofs as [ProvenTally];
    const [pair] = proven.enclaves as [ProvenTally["enclaves"][number]];
    const { outDigest, worker } = proven;
    const claim = { jobId, stage: 0, inDigest: receipt.job.spec.inDigest, outDigest, worker };
    const domain = domainSeparator({ chainId: 31_337n, hub: receipt.hub });
    const said = (by: Hex, secret: Uint8Array): Hex => {
      const result = { claim: { ...claim, worker: by }, channelHash: ZERO_BYTES32, epoch: 1 };
      return toHex(encodeEnclaveEvidence(result, signDigest(enclaveResultDigest(domain, result), secret)));
    };
    const proofBy = (secret: Uint8Array) => signDigest(enclaveProofDigest(domain, claim, encodeProofEvidence(proven.evidence), 1), secret); // prettier-ignore
    const stranger = new Uint8Array(32).fill(0x77);
    const [intel, aws] = [INTEL, AWS].map((index) => SECRETS.get(index) ?? new Uint8Array()) as [Uint8Array, Uint8Array]; // prettier-ignore
    const forgeries: readonly (readonly [Partial<typeof pair>, Uint8Array])[] = [
      [{ secondResult: said(pair.second, stranger) }, stranger],
      [{ result: said(worker, stranger), ...proofBy(stranger) }, stranger],
      [{ result: said(worker, aws), ...proofBy(aws), secondResult: said(pair.second, intel) }, aws],
    ];
    for (const [change, key] of forgeries) {
      const enclaves = [{ ...pair, ...change }];
      const forged = await verify(encodeReceipt({ ...receipt, proofs: [{ ...proven, enclaves }] }), ...online);
      expect(forged).to.deep.include({ code: EXIT.failed, failed: ["enclaves"] });
      expect(forged.detail).to.include(`${addressOfKey(key)} is no enclave of`);
    }
  });

  it("R58, R68: an answer of an AWS enclave has a receipt, made from the chain's events, judged from bytes and compared with the chain", async () => {
    const { hub, fromBlock } = chain.deployment;
    const bytes = encodeReceipt(await connect({ rpcUrl: chain.url, hub, fromBlock: BigInt(fromBlock) }).getReceipt({ jobId: loneId })); // prettier-ignore
    expect(toHex(bytes)).to.equal(toHex(openBundle(folder).read(`jobs/${loneId}/receipt`)));
    const receipt = decodeReceipt(bytes);
    const [one] = receipt.enclaves as [EnclavedTally];
    const [shown] = one.board as [BoardEvidence];
    expect([one.quote, shown.vendor, shown.board.toLowerCase()]).to.deep.equal(["0x", 4, made.board.toLowerCase()]);
    const named = { simulatedRoots: [awsRoot] };
    const look = async (forged: Receipt, options: AuditOptions = { ...named, rpcUrl: chain.url, hub }) => {
      const { checks, guarantee } = await verifyReceiptFile(encodeReceipt(forged), options);
      const failed = checks.filter(({ ok }) => !ok);
      const detailOf = (name: string) => checks.find((check) => check.name === name)?.detail;
      return { guarantee, failed: failed.map(({ name }) => name), why: failed.at(-1)?.detail, detailOf };
    };
    const online = await look(receipt);
    expect(online.failed).to.deep.equal([]);
    expect(online.guarantee).to.deep.include({ evidence: ["ENCLAVE (SIMULATED)", "OPTIMISTIC"], seats: 1 });
    expect(online.detailOf("enclave of tally 0")).to.match(/^SIMULATED, proves nothing about hardware: aws-nitro, VendorManaged at /); // prettier-ignore
    expect(online.detailOf("chain registrations")).to.equal(`1 registrations are the registry's own, by the board's verdicts on cases ${shown.caseId}`); // prettier-ignore
    // By command, with the model and what its owner kept; several roots may be named.
    const files = { receipt: bytes, input: encodeTensor(INPUT), secret: new TextEncoder().encode(toHex(JOB_SECRET)) };
    const kept = temporaryFolder();
    for (const [name, content] of Object.entries(files)) writeFileSync(join(kept, name), content);
    const verify = async (...roots: readonly string[]) =>
      captureCli([receiptVerify], ["receipt", "verify", join(kept, "receipt"), "--rpc", chain.url, "--hub", hub, "--model", loneModel.folder, "--input", join(kept, "input"), "--secret-file", join(kept, "secret"), ...roots, "--json"]); // prettier-ignore
    const { code, out } = await verify("--simulated-root", `${receipt.jobId},${awsRoot}`);
    expect([code, (JSON.parse(out) as AuditReport).skipped.filter((text) => /re-execution|chain:/.test(text))]).to.deep.equal([EXIT.done, []]); // prettier-ignore
    const refused = JSON.parse((await verify()).out) as AuditReport;
    expect(refused.checks.filter(({ ok }) => !ok).map(({ name }) => name)).to.deep.equal(["enclave of tally 0"]);
    // Offline: only that its commitment was a transaction's is not known.
    expect((await look(receipt, named)).failed).to.deep.equal(["posted"]);
    expect((await look(receipt, {})).failed).to.deep.equal(["posted", "enclave of tally 0"]);

    // What an auditor can only compare with the chain: other cases, boards and times, at which the evidence is as good.
    const changed = (edit: Partial<BoardEvidence>): Receipt => ({ ...receipt, enclaves: [{ ...one, board: [{ ...shown, ...edit }] }] }); // prettier-ignore
    const strange: readonly (readonly [Receipt, RegExp])[] = [
      [changed({ caseId: shown.caseId + 1n }), /another case/],
      [changed({ board: hub }), /another board/],
      [changed({ openedAt: shown.openedAt - 1 }), /another time of its case/],
      [{ ...receipt, enclaves: [{ ...one, registeredAt: one.registeredAt + 1 }] }, /another time/],
    ];
    for (const [forged, why] of strange) {
      const { failed, ...found } = await look(forged);
      expect(failed).to.deep.equal(["chain registrations"]);
      expect(found.why).to.match(why);
      expect((await look(forged, named)).failed).to.deep.equal(["posted"]);
    }
    // Another signature of the same leaf over the same document: the vendor signed it too, and nobody showed it to the board.
    const order = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;
    const s = BigInt(`0x${shown.evidence.slice(-96)}`);
    const twin = `${shown.evidence.slice(0, -96)}${(order - s).toString(16).padStart(96, "0")}` as Hex;
    expect((await look(changed({ evidence: twin }), named)).failed).to.deep.equal(["posted"]);
    expect((await look(changed({ evidence: twin }))).why).to.match(/another evidence/);
  });

  it("R69, R75: error: keys of nobody, of another worker or model, too old, or of fewer families than asked for", async () => {
    const { context, close } = await openContext(folder, jobId);
    const [registered, attested] = enclaveEvidence.claims.map(
      ({ check }) =>
        async (change: Partial<JobContext> = {}) =>
          check({ ...context, ...change }),
    );
    if (registered === undefined || attested === undefined) throw new TypeError("no claims");
    const found = await attested();
    expect([found.verdict, found.detail.match(/SIMULATED, proves nothing about hardware: [a-z-]+/g)]).to.deep.equal([
      "ok",
      ["intel-tdx", "aws-nitro"].map((name) => `SIMULATED, proves nothing about hardware: ${name}`),
    ]);
    const { receipt, recorded } = context;
    const [proof] = receipt.proofs as [(typeof receipt.proofs)[number]];
    const [pair] = proof.enclaves as [(typeof proof.enclaves)[number]];
    const spec = (change: object) => ({ receipt: { ...receipt, job: { ...receipt.job, spec: { ...receipt.job.spec, ...change } } } }); // prettier-ignore
    expect((await registered(spec({ modelId: jobId }))).detail).to.match(/its key serves model/);
    expect((await registered(spec({ policy: { ...receipt.job.spec.policy, k: 1 } }))).detail).to.match(/families 2, 4/);
    // Signed by a key that was never registered: the recovered one is another.
    const strange = { ...pair, secondResult: pair.secondResult.replace(/^0x../, "0x01") as Hex };
    const other = { receipt: { ...receipt, proofs: [{ ...proof, enclaves: [strange] }] } };
    for (const claim of [registered, attested]) {
      const { verdict, detail } = await claim(other);
      expect([verdict, /never took this key|not in its transactions/.test(detail)]).to.deep.equal(["false", true]);
    }
    // A day later the hub would not have taken it.
    const taken = Number(context.events.findLast(({ eventName }) => eventName === "Proven")?.blockNumber);
    const late = recorded.blocks.map((block, n) => {
      const { header } = block.header;
      const later = { ...header, timestamp: toHex(BigInt(header.timestamp) + 90_000n) };
      return n < taken ? block : { ...block, header: { ...block.header, header: later } };
    });
    expect((await registered({ recorded: { ...recorded, blocks: late } })).detail).to.match(/over, or older than a day/); // prettier-ignore
    // A lone answer's receipt: of the case whose verdict registered its key, and of no other.
    const alone = decodeReceipt(openBundle(folder).read(`jobs/${loneId}/receipt`));
    const [lone] = alone.enclaves as [EnclavedTally];
    const [shown] = lone.board as [BoardEvidence];
    const withCase = (caseId: bigint) => ({ jobId: loneId, receipt: { ...alone, enclaves: [{ ...lone, board: [{ ...shown, caseId }] }] } }); // prettier-ignore
    expect((await registered(withCase(shown.caseId))).verdict).to.equal("ok");
    expect((await attested(withCase(shown.caseId))).verdict).to.equal("ok");
    const { verdict, detail } = await registered(withCase(shown.caseId + 1n));
    expect([verdict, detail]).to.deep.equal(["false", `the registry has another case: ${shown.caseId}`]);
    await close();
  });
});
