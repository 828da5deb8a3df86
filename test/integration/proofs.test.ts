// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { writeContract } from "viem/actions";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { keyRegistryAbi } from "../../offchain/adapters/chain/abi/key-registry.ts";
import type { Hex } from "../../offchain/core/bytes.ts";
import { modelId } from "../../offchain/core/model.ts";
import { PROOF } from "../../offchain/core/types.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { StageProver } from "../../offchain/node/stage-prover.ts";
import { devBehaviour } from "../../offchain/node/dev-faults.ts";
import type { InferenceProgress } from "../../offchain/sdk/actions/request-inference-sync.ts";
import { connectWallet, type AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { fund, mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, nullLogger } from "../support/cluster/cluster.ts";
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
});
