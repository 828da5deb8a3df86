// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { getContractEvents, writeContract } from "viem/actions";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { keyRegistryAbi } from "../../offchain/adapters/chain/abi/key-registry.ts";
import type { Hex } from "../../offchain/core/bytes.ts";
import { modelId } from "../../offchain/core/model.ts";
import { HONEST } from "../../offchain/protocol/ports.ts";
import { PROOF } from "../../offchain/core/types.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { StageProver } from "../../offchain/node/stage-prover.ts";
import { devBehaviour } from "../../offchain/node/dev-faults.ts";
import type { InferenceProgress } from "../../offchain/sdk/actions/request-inference-sync.ts";
import { connectWallet, type AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { fund, mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, nullLogger, until } from "../support/cluster/cluster.ts";
import { getSlashed } from "../support/cluster/slashes.ts";
import { provenModel, type ProvenModel } from "../support/cluster/proven-model.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const TOKEN = 10n ** 18n;
const values = [3, -7, 50, 11];
const input = { dtype: "i8" as const, dims: [1, 4], data: Int8Array.from(values) };

describe("proven jobs", function suite() {
  this.timeout(300_000);
  const folder = temporaryFolder();
  let chain: TestChain;
  let cluster: Cluster;
  let model: ProvenModel;
  let wallet: AssayWallet;
  /** Of this process: all workers prove with it, as many machines would with one each. */
  let prover: StageProver;

  before(async () => {
    model = await provenModel(3, folder);
    const id = modelId(model.manifest);
    chain = await startTestChain();
    prover = new StageProver(
      { keyFolder: folder, cacheFolder: folder, chainId: 31_337n, memoryMiB: 1_024, threads: 2, maxLoad: 8 },
      {
        logger: nullLogger,
        programs: {
          table: (wanted) => (wanted === id ? model.manifest.stages : null),
          program: async (_, stage) => model.programs[stage] ?? null,
        },
      },
    );
    cluster = await Cluster.start(
      chain,
      {
        workers: 13,
        http: true,
        prover: () => prover,
        models: () => ({ stage: async (_, stage) => model.runner(stage) }),
      },
      model.manifest,
    );
    wallet = connectWallet({
      rpcUrl: chain.url,
      hub: chain.deployment.hub,
      privateKey: chain.account(3).privateKey,
      pollMs: 100,
    });
    await fund(chain, wallet.account.address);
    const mined = async (hash: Promise<Hex>) => wallet.waitForTransactionReceipt({ hash: await hash });
    const { token, keys } = chain.deployment;
    const mint = { address: token, abi: devTokenAbi, functionName: "mint", chain: null } as const;
    await mined(writeContract(wallet, { ...mint, args: [wallet.account.address, 1_000n * TOKEN] }));
    for (const record of model.records) {
      const add = { address: keys, abi: keyRegistryAbi, functionName: "add", chain: null } as const;
      await mined(writeContract(wallet, { ...add, args: [record] }));
    }
    await mineEvery(chain, 250);
  });
  after(async () => {
    await cluster?.stop();
    await prover?.close();
    await chain?.close();
  });

  const ask = async (onProgress: (step: InferenceProgress) => void = () => undefined) =>
    wallet.requestInferenceSync({
      preset: "critical-proof",
      manifest: model.manifest,
      input,
      deposit: true,
      onProgress,
      timeoutMs: 120_000,
    });

  it("default: three workers prove three stages; the receipt verifies offline (R46, R49)", async () => {
    const steps: InferenceProgress[] = [];
    const done = await ask((step) => steps.push(step));
    expect([...done.output.data].map(Number)).to.deep.equal(model.run(values));
    expect(done.job.spec.policy.mask).to.equal(PROOF);
    const proven = steps.filter((step) => step.stage === "proven");
    expect(proven.map(({ proved }) => proved)).to.deep.equal([0, 1, 2]);
    expect(new Set(proven.map(({ workerId }) => workerId)).size).to.equal(3);
    // One transaction for all of them.
    expect(new Set(proven.map(({ hash }) => hash)).size).to.equal(1);
    const receipt = await wallet.getReceipt({ jobId: done.jobId, result: done.result });
    const verdict = verifyReceipt(receipt);
    expect(verdict.ok, JSON.stringify(verdict)).to.equal(true);
    const final = steps.find((step) => step.stage === "final");
    // Three proofs with their public parts, placement and payment: a bound, not a measurement.
    expect(Number(final?.gas ?? 0n)).to.be.within(500_000, 1_300_000);
    if (process.env["ASSAY_TEST_LOG"] === "1") process.stderr.write(`submitProofs, 3 stages: ${final?.gas} gas\n`);
  });

  it("behavior: a prover dies with its order; another candidate takes the stage before the deadline (R52)", async () => {
    let dead: number | null = null;
    const steps: InferenceProgress[] = [];
    const done = await ask((step) => {
      steps.push(step);
      if (step.stage !== "input delivered") return;
      const victim = cluster.workers.find(({ workerId }) => workerId === step.reached[1]);
      if (victim === undefined) return;
      dead = victim.workerId;
      victim.behaviour = devBehaviour("silent", false);
    });
    expect([...done.output.data].map(Number)).to.deep.equal(model.run(values));
    const provers = steps.flatMap((step) => (step.stage === "proven" ? [step.workerId] : []));
    expect(dead).to.not.equal(null);
    expect(provers).to.not.include(dead);
  });

  it("behavior: an outvoted seat overrules its captured committee by a proof, without a bond (R24)", async () => {
    for (const worker of cluster.workers) worker.behaviour = HONEST;
    let liars: readonly number[] = [];
    const event = { address: chain.deployment.hub, abi: assayHubAbi, fromBlock: 0n } as const;
    // A proof must fit the window: the clock runs slower, and jumps when the court has ruled.
    await mineEvery(chain, 500);
    const done = await wallet.requestInferenceSync({
      policy: { k: 3, tWork: 40, window: 60 },
      manifest: model.manifest,
      input,
      deposit: true,
      beforeDelivery: (seats) => {
        liars = seats.slice(6, 8);
        for (const one of cluster.workers)
          if (liars.includes(one.workerId)) one.behaviour = devBehaviour("wrong-digest", false);
      },
      onProgress: (step) => {
        if (step.stage !== "tallied") return;
        void until(60_000, async () => {
          const [ruled] = await getContractEvents(wallet, { ...event, eventName: "CourtRuled" });
          return ruled === undefined ? null : chain.rpc("evm_increaseTime", [120]).then(() => true);
        });
      },
    });
    // Its digest is the truth's: the SDK checked the output against it.
    expect([...done.output.data].map(Number)).to.deep.equal(model.run(values));
    const [ruled] = await getContractEvents(wallet, { ...event, eventName: "CourtRuled", strict: true });
    expect(ruled?.args).to.deep.include({ jobId: done.jobId, stage: 2, outDigest: done.view.outDigest });
    const slashed = await getSlashed(cluster, done.jobId);
    expect(slashed.map(({ workerId }) => workerId).toSorted((a, b) => a - b)).to.deep.equal(
      liars.toSorted((a, b) => a - b),
    );
    const receipt = await wallet.getReceipt({ jobId: done.jobId, result: done.result });
    expect(verifyReceipt(receipt).ok, JSON.stringify(verifyReceipt(receipt))).to.equal(true);
  });
});
