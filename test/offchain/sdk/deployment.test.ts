// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { createClient, custom, toHex } from "viem";
import { deployContract, readContract, writeContract } from "viem/actions";
import { privateKeyToAccount } from "viem/accounts";
import { assayHubAbi } from "../../../offchain/adapters/chain/abi/assay-hub.ts";
import { devTokenAbi } from "../../../offchain/adapters/chain/abi/dev-token.ts";
import { verifyReceipt } from "../../../offchain/core/verify-receipt.ts";
import { restoreJobSecret } from "../../../offchain/sdk/job-secret.ts";
import { deposit } from "../../../offchain/sdk/actions/deposit.ts";
import { canPermit, depositWithPermit } from "../../../offchain/sdk/actions/deposit-with-permit.ts";
import { ENCLAVE, OPTIMISTIC } from "../../../offchain/core/types.ts";
import { registerKey } from "../../../offchain/sdk/actions/register-key.ts";
import { registerModel } from "../../../offchain/sdk/actions/register-model.ts";
import { connect, connectWallet, type AssayWallet } from "../../../offchain/sdk/node/connect.ts";
import { nodeCrypto } from "../../../offchain/sdk/node/node-crypto.ts";
import { readArtifact } from "../../../scripts/deploy/read-artifact.ts";
import { startDevDeployment } from "../../support/dev-deployment.ts";
import { expectCode } from "../../support/expect-code.ts";
import { sampleManifest } from "../../support/sample-manifest.ts";

const TOKEN = 10n ** 18n;
const JOB = `0x${"ab".repeat(32)}` as const;
const manifest = sampleManifest();
const input = { dtype: "i8" as const, dims: [1, 4], data: Int8Array.of(1, -2, 3, 4) };

describe("sdk actions around money and deployments", function suite() {
  this.timeout(120_000);
  let dev: Awaited<ReturnType<typeof startDevDeployment>>;
  let wallet: AssayWallet;
  let poor: AssayWallet;
  before(async () => {
    dev = await startDevDeployment({ workers: 16 });
    await dev.register(manifest);
    const common = { rpcUrl: dev.chain.url, hub: dev.deployment.hub, pollMs: 50 };
    wallet = connectWallet({ ...common, privateKey: dev.requesterKey });
    poor = connectWallet({ ...common, privateKey: await dev.fundedKey() });
  });
  after(async () => dev.stop());

  describe("depositWithPermit", () => {
    it("default: one transaction, no approval left (R71)", async () => {
      const { address } = wallet.account;
      const hash = await wallet.depositWithPermit({ amount: 3n * TOKEN });
      const { logs } = await wallet.waitForTransactionReceipt({ hash });
      expect(depositWithPermit.extractEvent(logs)?.args.amount).to.equal(3n * TOKEN);
      expect(await wallet.getBalance({ account: address })).to.equal(3n * TOKEN);
      const allowance = await readContract(wallet, {
        address: dev.deployment.token,
        abi: devTokenAbi,
        functionName: "allowance",
        args: [address, dev.deployment.hub],
      });
      expect(allowance).to.equal(0n);
    });
    it("behavior: a dry run sends nothing", async () => {
      const before = await wallet.getBalance({ account: wallet.account.address });
      await depositWithPermit.call(wallet, { hub: dev.deployment.hub, amount: TOKEN });
      expect(await wallet.getBalance({ account: wallet.account.address })).to.equal(before);
    });
    it("error: REVERTED when the account has no tokens, or the permit is late", async () => {
      const none = await expectCode("REVERTED", async () => poor.depositWithPermit({ amount: TOKEN }));
      expect(none).to.have.nested.property("meta.name", "ERC20InsufficientBalance");
      const late = await expectCode("REVERTED", async () =>
        wallet.depositWithPermit({ amount: TOKEN, validSeconds: -10 }),
      );
      expect(late).to.have.nested.property("meta.name", "ERC20InsufficientAllowance");
    });
    it("error: PERMIT_UNSUPPORTED where the token has no permit, before anything is signed", async () => {
      const request = async (call: { method: string; params?: unknown }): Promise<unknown> => {
        // DOMAIN_SEPARATOR()
        if (JSON.stringify(call).includes("0x3644e515")) throw new TypeError("execution reverted");
        return dev.chain.rpc(call.method, (call.params ?? []) as unknown[]);
      };
      const client = createClient({ account: wallet.account, transport: custom({ request }, { retryCount: 0 }) });
      const { hub } = dev.deployment;
      expect(await canPermit(client, hub)).to.equal(false);
      await expectCode("PERMIT_UNSUPPORTED", async () => depositWithPermit(client, { hub, amount: 1n }));
    });
    it("error: ACCOUNT_MISSING", async () => {
      const reader = connect({ rpcUrl: dev.chain.url, hub: dev.deployment.hub });
      await expectCode("ACCOUNT_MISSING", async () =>
        depositWithPermit(reader, { hub: dev.deployment.hub, amount: 1n }),
      );
      await expectCode("ACCOUNT_MISSING", async () => deposit(reader, { hub: dev.deployment.hub, amount: 1n }));
    });
  });

  describe("assertDeployment", () => {
    const addresses = () => {
      const { hub, vault, registry, params, randomness, token } = dev.deployment;
      return { hub, vault, registry, params, randomness, token };
    };
    it("default: chain, parts and code hashes agree (R71)", async () => {
      const found = await wallet.assertDeployment({ chainId: 31337, addresses: addresses() });
      expect(found).to.deep.include({ chainId: 31337 });
      const again = await wallet.assertDeployment({ codeHashes: found.codeHashes });
      expect(again.codeHashes).to.deep.equal(found.codeHashes);
    });
    it("error: WRONG_CHAIN", async () => {
      await expectCode("WRONG_CHAIN", async () => wallet.assertDeployment({ chainId: 1 }));
    });
    it("error: NO_CONTRACT", async () => {
      const hub = privateKeyToAccount(dev.requesterKey).address;
      await expectCode("NO_CONTRACT", async () => wallet.assertDeployment({ hub }));
    });
    it("error: DEPLOYMENT_MISMATCH for other addresses or code, naming the part", async () => {
      const error = await expectCode("DEPLOYMENT_MISMATCH", async () =>
        wallet.assertDeployment({ addresses: { ...addresses(), params: dev.deployment.vault } }),
      );
      expect(error).to.have.nested.property("meta.name", "params");
      const code = await expectCode("DEPLOYMENT_MISMATCH", async () =>
        wallet.assertDeployment({ codeHashes: { vault: JOB } }),
      );
      expect(code).to.have.nested.property("meta.name", "vault");
    });
    it("error: DEPLOYMENT_MISMATCH for a hub that borrows another hub's vault", async () => {
      const artifacts = [
        "HubDisputes",
        "HubAudits",
        "HubEnclaves",
        "HubProofs",
        "HubSketches",
        "HubVotes",
        "AssayHub",
      ].map((name) => readArtifact(name));
      const { token, vault, registry, params, randomness, router } = dev.deployment;
      const { address } = wallet.account;
      const config = { token, vault, registry, params, randomness, router, guardian: address, treasury: address };
      const built: `0x${string}`[] = [];
      for (const artifact of artifacts) {
        if (artifact === undefined) throw new TypeError("the hub is not built");
        // The first is the others' judge of settlement; the hub takes all six.
        const [disputes, audits, enclaves, proofs, sketches, votes] = built;
        const code = { votes, sketches, proofs, enclaves, audits, disputes };
        const args = [config, ...(votes === undefined ? built.slice(0, 1) : [code])];
        const hash = await deployContract(wallet, { ...artifact, args, chain: null, gas: 16_000_000n });
        built.push((await wallet.waitForTransactionReceipt({ hash })).contractAddress ?? "0x");
      }
      const error = await expectCode("DEPLOYMENT_MISMATCH", async () =>
        wallet.assertDeployment({ hub: built[6] ?? "0x" }),
      );
      expect(error).to.have.nested.property("meta.name", "vault of this hub");
    });
  });

  describe("registerModel", () => {
    it("default, and its dry run", async () => {
      const other = sampleManifest("another");
      await registerModel.call(wallet, { hub: dev.deployment.hub, manifest: other });
      const hash = await wallet.registerModel({ manifest: other });
      const { status } = await wallet.waitForTransactionReceipt({ hash });
      expect(status).to.equal("success");
    });
    it("error: REVERTED for a model that is there, or that has no stages", async () => {
      const again = await expectCode("REVERTED", async () => wallet.registerModel({ manifest }));
      expect(again).to.have.nested.property("meta.name", "ModelExists");
      await expectCode("REVERTED", async () => wallet.registerModel({ manifest: { ...manifest, stages: [] } }));
    });
    it("error: ACCOUNT_MISSING", async () => {
      const reader = connect({ rpcUrl: dev.chain.url, hub: dev.deployment.hub });
      await expectCode("ACCOUNT_MISSING", async () => registerModel(reader, { hub: dev.deployment.hub, manifest }));
    });
  });

  describe("registerKey", () => {
    const record = toHex(new Uint8Array(readFileSync("models/tumor-mlp/keys/0.record")));
    it("default: adds a model's key once; who comes later sends nothing", async () => {
      const hash = await wallet.registerKey({ record });
      if (hash === null) expect.fail("the key was there");
      const { status } = await wallet.waitForTransactionReceipt({ hash });
      expect(status).to.equal("success");
      expect(await wallet.registerKey({ record })).to.equal(null);
    });
    it("error: REVERTED for what is no record; ACCOUNT_MISSING", async () => {
      await expectCode("REVERTED", async () => wallet.registerKey({ record: "0x010203" }));
      const reader = connect({ rpcUrl: dev.chain.url, hub: dev.deployment.hub });
      await expectCode("ACCOUNT_MISSING", async () => registerKey(reader, { hub: dev.deployment.hub, record }));
    });
  });

  describe("deliverInput, fetchResult, getReceipt, requestInferenceSync", () => {
    before(async () => {
      await wallet.waitForTransactionReceipt({ hash: await wallet.depositWithPermit({ amount: 100n * TOKEN }) });
    });
    it("error: JOB_UNKNOWN", async () => {
      const secret = restoreJobSecret(nodeCrypto.randomBytes(32));
      const { job } = await wallet.requestInference({ manifest, input });
      await expectCode("JOB_UNKNOWN", async () => wallet.getReceipt({ jobId: JOB }));
      await expectCode("JOB_UNKNOWN", async () =>
        wallet.deliverInput({ jobId: JOB, job, manifest, input: new Uint8Array(1), secret }),
      );
    });
    it("error: NOT_SUPPORTED for a job in enclaves of a hub without their judge: nothing leaves for workers' own keys", async () => {
      const requested = await wallet.requestInference({ manifest, input });
      await dev.chain.rpc("hardhat_mine", ["0x4"]);
      const { job } = requested;
      const policy = { ...job.spec.policy, mask: ENCLAVE | OPTIMISTIC };
      const inside = { ...requested, manifest, job: { ...job, spec: { ...job.spec, policy } } };
      await expectCode("NOT_SUPPORTED", async () => wallet.deliverInput(inside));
    });
    it("error: SEATS_UNKNOWN while the chain makes no blocks", async () => {
      const requested = await wallet.requestInference({ manifest, input });
      await expectCode("SEATS_UNKNOWN", async () =>
        wallet.deliverInput({ ...requested, manifest, seatsTimeoutMs: 300 }),
      );
    });
    it("error: DELIVERY_FAILED with the seats' failure as cause, before the input deadline is over", async () => {
      const requested = await wallet.requestInference({ manifest, input });
      await dev.chain.rpc("hardhat_mine", ["0x4"]);
      const seen: number[] = [];
      const error = await expectCode("DELIVERY_FAILED", async () =>
        wallet.deliverInput({
          ...requested,
          manifest,
          seatTimeoutMs: 500,
          onSeats: (seats) => void seen.push(...seats),
        }),
      );
      expect(error).to.have.nested.property("meta.reached", 0);
      expect(error).to.have.nested.property("cause.code", "SEAT_REFUSED");
      expect(seen).to.have.length(5);
    });
    it("error: INTERRUPTED", async () => {
      const requested = await wallet.requestInference({ manifest, input });
      const signal = AbortSignal.timeout(200);
      await expectCode("INTERRUPTED", async () => wallet.deliverInput({ ...requested, manifest, signal }));
    });
    it("error: RECEIPT_UNAVAILABLE for a job that runs", async () => {
      const { jobId } = await wallet.requestInference({ manifest, input });
      await expectCode("RECEIPT_UNAVAILABLE", async () => wallet.getReceipt({ jobId }));
    });
    it("error: RESULT_UNAVAILABLE from seats that are not there", async () => {
      const { jobId, secret } = await wallet.requestInference({ manifest, input });
      const seats = [{ workerId: dev.workerIds[0] ?? 0, signer: wallet.account.address }];
      await expectCode("RESULT_UNAVAILABLE", async () =>
        wallet.fetchResult({ jobId, manifest, secret, outDigest: JOB, seats, timeoutMs: 400 }),
      );
    });
    it("error: BALANCE_TOO_LOW, ACCOUNT_MISSING and TENSOR_INVALID before a job exists", async () => {
      await expectCode("BALANCE_TOO_LOW", async () => poor.requestInferenceSync({ manifest, input }));
      const broken = { ...input, dims: [1, 5] };
      await expectCode("TENSOR_INVALID", async () => wallet.requestInferenceSync({ manifest, input: broken }));
      const none = await expectCode("REVERTED", async () =>
        poor.requestInferenceSync({ manifest, input, deposit: true }),
      );
      expect(none).to.have.nested.property("meta.name", "ERC20InsufficientBalance");
    });
    it("error: JOB_UNKNOWN when a contract's transaction requested something else", async () => {
      const via = {
        requester: wallet.account.address,
        request: async () => wallet.deposit({ amount: 1n }),
      };
      await expectCode("JOB_UNKNOWN", async () =>
        wallet.requestInferenceSync({ manifest, input, via, callback: `0x${"00".repeat(20)}`, callbackGas: 0 }),
      );
    });
    it("behavior: a cancelled job's receipt refunds everything", async () => {
      const requested = await wallet.requestInference({ manifest, input });
      const hash = await writeContract(wallet, {
        chain: null,
        address: dev.deployment.hub,
        abi: assayHubAbi,
        functionName: "cancel",
        args: [requested.job],
      });
      await wallet.waitForTransactionReceipt({ hash });
      const receipt = await wallet.getReceipt({ jobId: requested.jobId });
      expect(receipt.settlement[0]?.requester).to.equal(requested.escrow);
      expect(receipt.reason).to.equal(1);
      expect(verifyReceipt(receipt).ok).to.equal(true);
    });
  });
});
