// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { JsonRpcProvider, VoidSigner, Wallet, type Signer } from "ethers";
import { parseEventLogs } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { signMessage } from "viem/actions";
import { assayHubAbi } from "../../../offchain/adapters/chain/abi/assay-hub.ts";
import { loadCommands } from "../../../offchain/cli/commands/loaders.ts";
import { modelId } from "../../../offchain/core/model.ts";
import { policyTableHash } from "../../../offchain/core/policy-rules.ts";
import type { Tensor } from "../../../offchain/core/tensor.ts";
import { deposit } from "../../../offchain/sdk/actions/deposit.ts";
import { requestInference } from "../../../offchain/sdk/actions/request-inference.ts";
import { withdraw } from "../../../offchain/sdk/actions/withdraw.ts";
import { fromEthers } from "../../../offchain/sdk/ethers/from-ethers.ts";
import { connect, connectWallet, type AssayWallet } from "../../../offchain/sdk/node/connect.ts";
import { nodeCrypto } from "../../../offchain/sdk/node/node-crypto.ts";
import { pollUntil } from "../../../offchain/sdk/poll-until.ts";
import { readManifestFile } from "../../../scripts/demo/devnet.ts";
import { captureCli } from "../../support/capture-cli.ts";
import { startDevDeployment } from "../../support/dev-deployment.ts";
import { expectCode } from "../../support/expect-code.ts";
import { sampleManifest } from "../../support/sample-manifest.ts";

const TOKEN = 10n ** 18n;
const manifest = sampleManifest();
const input: Tensor = { dtype: "i8", dims: [1, 4], data: Int8Array.of(1, -2, 3, 4) };

describe("sdk actions on a chain", function () {
  let dev: Awaited<ReturnType<typeof startDevDeployment>>;
  let wallet: AssayWallet;
  let poor: AssayWallet;
  before(async function () {
    dev = await startDevDeployment({ workers: 16 });
    await dev.register(manifest);
    const common = { rpcUrl: dev.chain.url, hub: dev.deployment.hub, pollMs: 50 };
    wallet = connectWallet({ ...common, privateKey: dev.requesterKey });
    poor = connectWallet({ ...common, privateKey: await dev.fundedKey() });
  });
  after(async () => dev.stop());

  it("R71: default, quote, deposit, request, see the seats, show and list the job", async () => {
    const { address } = wallet.account;
    const quote = await wallet.quoteInference({ manifest, requester: address });
    expect(quote.escrow).to.equal((54n * TOKEN) / 10n);
    expect(quote.missing).to.equal(quote.escrow);
    expect(quote.rounds).to.equal(1);
    const deposited = await wallet.waitForTransactionReceipt({ hash: await wallet.deposit({ amount: 100n * TOKEN }) });
    expect(deposit.extractEvent(deposited.logs)?.args.amount).to.equal(100n * TOKEN);

    const events: string[] = [];
    const stop = wallet.watchJobs({
      onEvents: (list) => events.push(...list.map(({ eventName }) => eventName)),
      fromBlock: 0n,
    });
    const requested = await wallet.requestInference({ manifest, input });
    const receipt = await wallet.waitForTransactionReceipt({ hash: requested.hash });
    expect(requestInference.extractEvent(receipt.logs)?.args.jobId).to.equal(requested.jobId);
    // What the hub took is what the quote said.
    expect(await wallet.getBalance({ account: address })).to.equal(100n * TOKEN - quote.escrow);
    expect(Number(receipt.gasUsed)).to.be.lessThan(200_000);

    const query = { jobId: requested.jobId, seats: 5, ticketClass: 0 };
    expect(await wallet.getSeats(query)).to.equal(null);
    await dev.chain.rpc("hardhat_mine", ["0x4"]);
    const seats = await wallet.getSeats(query);
    expect(seats).to.have.length(5);
    expect(new Set(seats?.map(({ workerId }) => workerId)).size).to.equal(5);
    const profiles = await wallet.getWorkerProfiles({ workerIds: seats?.map(({ workerId }) => workerId) ?? [] });
    expect(profiles.size).to.equal(5);

    const job = await wallet.getJob({ jobId: requested.jobId });
    expect(job).to.deep.include({ state: "OPEN", outDigest: null, closedReason: null });
    expect(job.job).to.deep.equal(requested.job);
    const [listed] = await wallet.listJobs({ requester: address });
    expect(listed).to.deep.include({ jobId: requested.jobId, state: "OPEN", modelId: modelId(manifest) });
    const seen = await pollUntil(async () => (events.includes("JobRequested") ? true : undefined), {
      doing: "watching",
      everyMs: 20,
      timeoutMs: 5_000,
    });
    stop();
    expect(seen).to.equal(true);
  });

  it("R6: the chain tells of a critical scenario's downgrade, which only its requester can sign; R5: of no other", async () => {
    const scenario = { criticality: "critical" } as const;
    const weaker = { manifest, input, scenario, preset: "general-vote" } as const;
    const account = wallet.account.address;
    const free = await wallet.getBalance({ account });
    // The model takes votes alone, so nothing critical can serve it, and a vote is not taken instead.
    await expectCode("NO_POLICY", async () => wallet.requestInference({ manifest, input, scenario }));
    await expectCode("NO_POLICY", async () => wallet.requestInference(weaker));
    expect(await wallet.getBalance({ account })).to.equal(free);
    const downgraded = async (hash: `0x${string}`) => {
      const { logs } = await wallet.waitForTransactionReceipt({ hash });
      return parseEventLogs({ abi: assayHubAbi, eventName: "Downgraded", logs }).map(({ args }) => args);
    };
    const consented = await wallet.requestInference({ ...weaker, acceptDowngrade: true });
    const [event] = await downgraded(consented.hash);
    expect(event).to.deep.equal({ jobId: consented.jobId, requester: account });
    const plain = await wallet.requestInference({ manifest, input, preset: "general-vote" });
    expect(await downgraded(plain.hash)).to.deep.equal([]);
    const general = await wallet.quoteInference({ manifest, scenario: { criticality: "general" } });
    expect(general.resolved?.preset).to.equal("general-vote");
    expect(general.resolved?.policy.mask).to.equal(general.spec.policy.mask);
  });

  it("R5, R74: `policy explain` says why, what it costs and what it does not protect against, or what is missing; `policy table` its hash", async () => {
    const folder = "models/digits-mlp-poly";
    await dev.register(readManifestFile(folder).model);
    const commands = await loadCommands(["policy"]);
    const chain = ["--rpc", dev.chain.url, "--hub", dev.deployment.hub];
    const explain = async (...wishes: string[]) =>
      captureCli(commands, ["policy", "explain", folder, ...chain, ...wishes]);
    const table = await captureCli(commands, ["policy", "table", "--json"]);
    expect(JSON.parse(table.out)).to.deep.include({ hash: policyTableHash() });
    const { code, out } = await explain("--json");
    expect(code).to.equal(0);
    expect(JSON.parse(out)).to.deep.include({
      preset: "general-vote",
      seats: 5,
      escrow: String((54n * TOKEN) / 10n),
      answerSec: 4,
      finalSec: 4,
      table: policyTableHash(),
    });
    const cheap = await explain("--cheapest", "--modality", "image");
    expect(cheap.out)
      .to.match(/^economy: .*cheapest/)
      .and.include("not impossible")
      .and.include("19 s until");
    // Workers that answer nobody: prices, and no times.
    const quoted = await captureCli(await loadCommands(["quote"]), ["quote", folder, ...chain, "--json"]);
    const { quotes, refused } = JSON.parse(quoted.out) as {
      quotes: { preset: string; likely: string; escrow: string; answerSec: null }[];
      refused: { preset: string; code: string }[];
    };
    expect(quotes.map(({ preset, likely, answerSec }) => [preset, likely, answerSec])).to.deep.equal([
      ["general-vote", String((51n * TOKEN) / 10n), null],
      ["economy", String((107n * TOKEN) / 100n), null],
    ]);
    expect(refused.map(({ preset }) => preset))
      .to.include("critical-proof")
      .and.include("critical-cipher");
    const missing = await explain("--criticality", "critical", "--privacy", "sealed");
    expect(missing.code).to.not.equal(0);
    expect(missing.err).to.include("critical-enclave");
    const both = await explain("--criticality", "critical", "--cheapest", "--json");
    expect(both.out + both.err).to.include("WISHES_CONTRADICT");
  });

  it("behavior: a dry run checks everything and sends nothing", async () => {
    const before = await wallet.getBalance({ account: wallet.account.address });
    const { escrow, job } = await requestInference.call(wallet, {
      hub: dev.deployment.hub,
      manifest,
      input,
      crypto: nodeCrypto,
    });
    expect(escrow).to.equal((54n * TOKEN) / 10n);
    expect(job.spec.modelId).to.equal(modelId(manifest));
    expect(await wallet.getBalance({ account: wallet.account.address })).to.equal(before);
  });

  it("behavior: free balance can be withdrawn", async () => {
    const receipt = await wallet.waitForTransactionReceipt({ hash: await wallet.withdraw({ amount: TOKEN }) });
    expect(withdraw.extractEvent(receipt.logs)?.args.amount).to.equal(TOKEN);
  });

  it("R11: neither input nor secret is in the request's calldata", async () => {
    const canary: Tensor = { dtype: "i8", dims: [1, 32], data: Int8Array.from({ length: 32 }, (_, i) => 100 - i) };
    const { hash, secret } = await wallet.requestInference({ manifest, input: canary });
    const { input: calldata } = await wallet.getTransaction({ hash });
    expect(calldata).to.not.contain(Buffer.from(canary.data).toString("hex").slice(0, 16));
    expect(calldata).to.not.contain(Buffer.from(secret.reveal()).toString("hex"));
  });

  it("error: BALANCE_TOO_LOW before anything is sent", async () => {
    await expectCode("BALANCE_TOO_LOW", async () => poor.requestInference({ manifest, input }));
  });
  it("error: MODEL_UNKNOWN", async () => {
    await expectCode("MODEL_UNKNOWN", async () => wallet.quoteInference({ manifest: sampleManifest("other") }));
  });
  it("error: POLICY_UNSAFE for a policy that insures less than the value at risk", async () => {
    await expectCode("POLICY_UNSAFE", async () => wallet.quoteInference({ manifest, insuredValue: TOKEN }));
  });
  it("error: TENSOR_INVALID for an input that is no tensor", async () => {
    const broken = { ...input, dims: [1, 5] };
    await expectCode("TENSOR_INVALID", async () => wallet.requestInference({ manifest, input: broken }));
  });
  it("error: REVERTED carries the Solidity error", async () => {
    const error = await expectCode("REVERTED", async () => poor.withdraw({ amount: 1n }));
    expect(error).to.have.nested.property("meta.name", "BalanceTooLow");
    await expectCode("REVERTED", async () => withdraw.call(poor, { hub: dev.deployment.hub, amount: 1n }));
  });
  it("error: JOB_UNKNOWN", async () => {
    const jobId = `0x${"ab".repeat(32)}` as const;
    await expectCode("JOB_UNKNOWN", async () => wallet.getJob({ jobId }));
    await expectCode("JOB_UNKNOWN", async () => wallet.getSeats({ jobId, seats: 5, ticketClass: 0 }));
  });
  it("error: ACCOUNT_MISSING for a client that cannot sign", async () => {
    const reader = connect({ rpcUrl: dev.chain.url, hub: dev.deployment.hub });
    await expectCode("ACCOUNT_MISSING", async () =>
      requestInference(reader, { hub: dev.deployment.hub, manifest, input, crypto: nodeCrypto }),
    );
  });
  it("error: RPC_UNAVAILABLE when the endpoint is down", async () => {
    const nowhere = connect({ rpcUrl: "http://127.0.0.1:9", hub: dev.deployment.hub });
    await expectCode("RPC_UNAVAILABLE", async () => nowhere.getBalance({ account: wallet.account.address }));
  });
  it("error: REVERTED or RPC_REJECTED where no hub stands", async () => {
    const lost = connect({ rpcUrl: dev.chain.url, hub: privateKeyToAccount(dev.requesterKey).address });
    await expectCode("RPC_REJECTED", async () => lost.quoteInference({ manifest }));
  });

  describe("through ethers", () => {
    let provider: JsonRpcProvider;
    const assayOf = async (signer: Signer) =>
      fromEthers(signer, { hub: dev.deployment.hub, crypto: nodeCrypto, pollMs: 50 });
    before(() => {
      provider = new JsonRpcProvider(dev.chain.url, undefined, { cacheTimeout: -1, pollingInterval: 50 });
    });
    after(() => provider.destroy());

    it("R71: an ethers signer permits, requests and reads, as a viem account does", async () => {
      const signer = new Wallet(dev.requesterKey, provider);
      const assay = await assayOf(signer);
      const account = assay.account.address;
      const before = await assay.getBalance({ account });
      const hash = await assay.depositWithPermit({ amount: 10n * TOKEN });
      expect((await assay.waitForTransactionReceipt({ hash })).status).to.equal("success");
      expect(await assay.getBalance({ account })).to.equal(before + 10n * TOKEN);
      const { jobId, hash: requested } = await assay.requestInference({ manifest, input });
      const { logs } = await assay.waitForTransactionReceipt({ hash: requested });
      expect(requestInference.extractEvent(logs)?.args.jobId).to.equal(jobId);
      expect((await assay.getJob({ jobId })).job.requester).to.equal(account);
      const message = { raw: "0x00ff" } as const;
      const signature = await signMessage(assay, { account: assay.account, message });
      expect(await assay.verifyMessage({ address: account, message, signature })).to.equal(true);
    });
    it("error: REVERTED carries the Solidity error", async () => {
      const poorAssay = await assayOf(new Wallet(await dev.fundedKey(), provider));
      const error = await expectCode("REVERTED", async () => poorAssay.withdraw({ amount: 1n }));
      expect(error).to.have.nested.property("meta.name", "BalanceTooLow");
      await expectCode("BALANCE_TOO_LOW", async () => poorAssay.requestInference({ manifest, input }));
    });
    it("error: PROVIDER_UNFIT without a provider, and RPC_REJECTED by a signer that only watches", async () => {
      await expectCode("PROVIDER_UNFIT", async () => assayOf(new Wallet(dev.requesterKey)));
      const watcher = await assayOf(new VoidSigner(wallet.account.address, provider));
      await expectCode("RPC_REJECTED", async () => watcher.withdraw({ amount: 1n }));
    });
    it("error: ACCOUNT_OTHER: signs and sends for its own address only", async () => {
      const assay = await assayOf(new Wallet(dev.requesterKey, provider));
      const account = poor.account.address;
      await expectCode("ACCOUNT_OTHER", async () => assay.withdraw({ amount: 1n, account }));
      const error: unknown = await signMessage(assay, { account, message: "mine" }).catch((thrown: unknown) => thrown);
      expect(error).to.have.nested.property("cause.code", "ACCOUNT_OTHER");
    });
    it("R73: error: RPC_UNAVAILABLE of an endpoint that refuses keeps the key in its URL to itself", async () => {
      const server = createServer((_, response) => response.writeHead(401).end());
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const refusing = new JsonRpcProvider(`http://127.0.0.1:${port}/planted-key`, 31337, { staticNetwork: true });
      const lost = await assayOf(new Wallet(dev.requesterKey, refusing));
      const error = await expectCode("RPC_UNAVAILABLE", async () =>
        lost.getBalance({ account: wallet.account.address }),
      );
      expect(inspect(error, { depth: 12 })).to.not.contain("planted-key");
      refusing.destroy();
      server.close();
    });
    it("error: RPC_UNAVAILABLE when the endpoint is down", async () => {
      const nowhere = new JsonRpcProvider("http://127.0.0.1:9", 31337, { staticNetwork: true });
      const lost = await assayOf(new Wallet(dev.requesterKey, nowhere));
      await expectCode("RPC_UNAVAILABLE", async () => lost.getBalance({ account: wallet.account.address }));
      nowhere.destroy();
    });
  });
});
