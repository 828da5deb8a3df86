// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { fromHex } from "../../../../offchain/core/bytes.ts";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { boundaryDigest } from "../../../../offchain/core/batch-tensors.ts";
import { decodeRuntime } from "../../../../offchain/core/enclave-binding.ts";
import { openSealedBlob, sealContext } from "../../../../offchain/core/seal.ts";
import { JOB_INPUT } from "../../../../offchain/core/sealed-input.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { encodeTensor } from "../../../../offchain/core/tensor.ts";
import { KIND_SALTED } from "../../../../offchain/core/types.ts";
import { loadModel } from "../../../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../../../offchain/engines/program/reference-executor.ts";
import { readCollateralBundle } from "../../../../offchain/engines/tee/collateral-file.ts";
import { measureBundle } from "../../../../offchain/engines/tee/provider/bundle.ts";
import {
  fetchSimulatedCollateral,
  QuoteServerProvider,
} from "../../../../offchain/engines/tee/provider/quote-server.ts";
import {
  startSimulatedQuoteServer,
  type SimulatedQuoteServer,
} from "../../../../offchain/engines/tee/sim/quote-server.ts";
import { verifyEvidence } from "../../../../offchain/engines/tee/verify.ts";
import { loadConfig } from "../../../../offchain/node/config.ts";
import { bundleRoot } from "../../../../offchain/node/enclave/inner-main.ts";
import { launchInner } from "../../../../offchain/node/enclave/launch-inner.ts";
import { simulatedRoots } from "../../../../offchain/node/enclave/open-enclave.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { expectError } from "../../../support/expect-error.ts";
import { HUB, innerJob, PLACE, REQUESTER, sealInner, WORKER } from "../../../support/tee/inner.ts";
import { NOW, PERIOD } from "../../../support/tee/simulated.ts";

const MODEL = "models/digits-mlp";

describe("the enclave as a process of its own", () => {
  let server: SimulatedQuoteServer;
  before(async () => {
    server = await startSimulatedQuoteServer({ seed: new Uint8Array(32).fill(9), period: PERIOD });
  });
  after(async () => server.close());

  it("R58: default: measures its code, is quoted, and computes what every worker computes; it ends with its stream", async () => {
    const provider = { kind: "simulated", url: server.url } as const;
    const client = await launchInner({ model: MODEL, executor: "reference", threads: 1, provider, prove: null });
    const { body: identity } = await client.ask("boot", PLACE);
    const model = await loadModel(MODEL);
    const runtime = fromHex(identity.runtime);
    expect(decodeRuntime(runtime)).to.include({
      bundleDigest: await measureBundle(bundleRoot()),
      modelId: model.manifest.modelId,
    });
    expect(identity).to.include({ kind: "simulated", simulated: true });
    const { tail } = await client.ask("quote", { epoch: 1, challenge: toWord(1) });
    const { bundle, root } = await fetchSimulatedCollateral(server.url);
    const evidence = { format: "dcap-tdx-v4" as const, bytes: tail, runtime };
    const verdict = verifyEvidence(evidence, readCollateralBundle(bundle), simulatedRoots(root), NOW);
    expect(verdict.root).to.equal("simulated");

    const [stage] = model.stages;
    if (stage === undefined) throw new TypeError("no stage");
    const dims = stage.program.inputs[0]?.dims ?? [];
    const count = dims.reduce((product, dim) => product * dim, 1);
    const tensor = {
      dtype: "i8" as const,
      dims: [1, ...dims],
      data: Int8Array.from({ length: count }, (_, i) => i % 100),
    };
    const one = innerJob(model.manifest.modelId, tensor, { kind: KIND_SALTED });
    const ask = { job: one.job, boundary: JOB_INPUT, sender: REQUESTER, isPublic: false };
    await client.ask("open", ask, sealInner(one, fromHex(identity.sealKey)));
    const answer = await client.ask("run", { jobId: one.jobId, stage: 0, epoch: 1 });
    const executor = createReferenceExecutor();
    const [want] = (await executor.run(stage, [tensor])).outputs;
    if (want === undefined) throw new TypeError("no output");
    const output = encodeTensor(want);
    expect(answer.body.outDigest).to.equal(boundaryDigest(KIND_SALTED, output, one.salts.get(0), 0));
    const context = sealContext({ chainId: 31_337n, hub: HUB, jobId: one.jobId, boundary: 0, lane: 0, sender: WORKER });
    const { privateKey } = one.resultKey;
    expect(openSealedBlob(nodeCrypto, answer.tail, { context, privateKey, maxBytes: 10_000 })).to.deep.equal(output);
    client.close();
    await client.ended;
  });

  it("error: ENCLAVE_LOST for a model that is damaged or not there: nothing else is said", async () => {
    const provider = { kind: "simulated", url: server.url } as const;
    const client = await launchInner({
      model: "models/none",
      executor: "reference",
      threads: 1,
      provider,
      prove: null,
    });
    await expectCode("ENCLAVE_LOST", async () => client.ask("boot", PLACE));
    await client.ended;
  });

  it("R57: error: simulated quotes come from loopback only, and never in production", async () => {
    const bundleDigest = toWord(1);
    for (const url of ["http://10.0.0.1:1", "https://quotes.example", "nonsense", "http://127.0.0.1.example:1"])
      expectError(() => new QuoteServerProvider({ url, bundleDigest }), "PROVIDER");
    const before = process.env["NODE_ENV"];
    const settings = {
      "chain.rpcUrl": "http://127.0.0.1:8545",
      "chain.id": "31337",
      "chain.hub": HUB,
      "enclave.provider": "simulated",
      "enclave.quoteServer": server.url,
    };
    expect(loadConfig({ flags: { ...settings, "node.development": "true" } }).config.enclave.provider).to.equal("simulated"); // prettier-ignore
    expectError(() => loadConfig({ flags: settings }), "DEVELOPMENT_REFUSED");
    expectError(() => loadConfig({ flags: { ...settings, "chain.id": "1", "node.development": "true" } }), "DEVELOPMENT_REFUSED"); // prettier-ignore
    try {
      process.env["NODE_ENV"] = "production";
      expectError(() => new QuoteServerProvider({ url: server.url, bundleDigest }), "PROVIDER");
      expectError(() => loadConfig({ flags: { ...settings, "node.development": "true" } }), "DEVELOPMENT_REFUSED");
      await expectCode("ROOT", async () => startSimulatedQuoteServer({ seed: new Uint8Array(32), period: PERIOD }));
    } finally {
      if (before === undefined) delete process.env["NODE_ENV"];
      else process.env["NODE_ENV"] = before;
    }
  });

  it("error: the quote server answers nothing but its two questions", async () => {
    const post = async (path: string, body: string) =>
      (await fetch(`${server.url}${path}`, { method: "POST", body })).status;
    const good = { reportData: `0x${"11".repeat(64)}`, bundleDigest: toWord(1) };
    expect(await post("/quote", JSON.stringify(good))).to.equal(200);
    for (const body of [
      "",
      "[",
      "null",
      "{}",
      JSON.stringify({ ...good, reportData: "0x11" }),
      JSON.stringify({ ...good, bundleDigest: 7 }),
      " ".repeat(3_000),
    ])
      // prettier-ignore
      expect(await post("/quote", body)).to.equal(400);
    expect(await post("/other", JSON.stringify(good))).to.equal(404);
    expect((await fetch(server.url)).status).to.equal(404);
  });
});
