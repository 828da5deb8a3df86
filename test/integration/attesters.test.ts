// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { hashTypedData, hexToBytes, parseCompactSignature, toHex, type Hex } from "viem";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { enclaveRegistryAbi } from "../../offchain/adapters/chain/abi/enclave-registry.ts";
import { measurementRegistryAbi } from "../../offchain/adapters/chain/abi/measurement-registry.ts";
import { stakeVaultAbi } from "../../offchain/adapters/chain/abi/stake-vault.ts";
import { loadCommands } from "../../offchain/cli/commands/loaders.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { packSignature, signDigest } from "../../offchain/core/signature.ts";
import { keccakText } from "../../offchain/core/tagged-hash.ts";
import { bindReportData } from "../../offchain/core/enclave-binding.ts";
import { SimulatedPlatform } from "../../offchain/engines/tee/sim/platform.ts";
import { verifyEvidence } from "../../offchain/engines/tee/verify.ts";
import { verdictBoardAbi } from "../../offchain/adapters/chain/abi/verdict-board.ts";
import { loadConfig } from "../../offchain/node/config.ts";
import { initNode } from "../../offchain/node/init.ts";
import { startNode, type RunningNode } from "../../offchain/node/start-node.ts";
import { deployEnclaves, type EnclaveDeployment } from "../../scripts/deploy/deploy-enclaves.ts";
import { captureCli } from "../support/capture-cli.ts";
import { startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { BUNDLE, MODEL, runtimeOf } from "../support/tee/enclave-chain.ts";
import { REPORT } from "../support/tee/simulated.ts";

/** Accounts: the enclave's worker, then five attesters. */
const WORKER = 4;
const ATTESTERS = [5, 6, 7, 8, 9] as const;
const KEY: Hex = "0x00000000000000000000000000000000000e0c1b";
const ATTESTER_STAKE = 10n ** 18n;

describe("assay tee register and attest, by the verdict board", function suite() {
  this.timeout(240_000);
  let node: TestChain;
  let made: EnclaveDeployment;
  let folder = "";
  let root: Hex;
  let platform: SimulatedPlatform;

  const file = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const configOf = (account: number): string => join(folder, `worker-${account}`, "assay.toml");

  /** A staked worker whose owner is its signer, and its folder. */
  async function enlist(account: number): Promise<void> {
    const { address, privateKey } = node.account(account);
    const { wallet, public: reader, account: owner } = node.clients(account);
    const { vault, token, chainId } = node.deployment;
    const write = async (target: Hex, abi: readonly unknown[], functionName: string, args: readonly unknown[]) => {
      const hash = await wallet.writeContract({ chain: null, account: owner, address: target, abi: abi as never, functionName, args }); // prettier-ignore
      await reader.waitForTransactionReceipt({ hash });
    };
    const digest = hashTypedData({
      domain: { name: "Assay Vault", version: "1", chainId, verifyingContract: vault },
      types: { Register: [{ name: "owner", type: "address" }] },
      primaryType: "Register",
      message: { owner: address },
    });
    const packed = toHex(packSignature(signDigest(hexToBytes(digest), hexToBytes(privateKey))));
    const { r, yParityAndS } = parseCompactSignature(packed);
    const id = toHex(account, { size: 32 });
    const profile = { transportId: id, sealKey: id, capabilities: 0n, expiry: 2 ** 40, endpoints: "" };
    await write(vault, stakeVaultAbi, "register", [address, profile, r, yParityAndS]);
    const minimum = { address: vault, abi: stakeVaultAbi, functionName: "minimumStake" } as const;
    const stake = await reader.readContract(minimum);
    await write(token, devTokenAbi, "mint", [address, stake + 100n * ATTESTER_STAKE]);
    await write(token, devTokenAbi, "approve", [vault, stake]);
    const workerId = await reader.readContract({ address: vault, abi: stakeVaultAbi, functionName: "workerOf", args: [address] }); // prettier-ignore
    await write(vault, stakeVaultAbi, "stake", [workerId, stake]);
    await initNode({
      folder: join(folder, `worker-${account}`),
      development: true,
      operatorKey: new Secret(hexToBytes(privateKey)),
      values: { "chain.rpcUrl": node.url, "chain.id": 31337, "chain.hub": node.deployment.hub, "chain.pollMs": 20 },
    });
  }

  before(async () => {
    node = await startTestChain();
    folder = temporaryFolder();
    for (const account of [WORKER, ...ATTESTERS]) await enlist(account);
    const { public: reader, wallet, account } = node.clients(0);
    const { timestamp } = await reader.getBlock();
    platform = new SimulatedPlatform(new Uint8Array(32).fill(0x11), { from: timestamp, to: timestamp + 30n * 86_400n });
    const roots = platform.roots(["aws"]);
    root = `0x${roots.roots.find(({ kind }) => kind === "simulated")?.spkiSha256 ?? ""}`;
    const { registry: models, token, vault } = node.deployment;
    const beside = { models, token, vault, attesterStake: ATTESTER_STAKE, simulatedRoots: [root] };
    made = await deployEnclaves({ publicClient: reader, walletClient: wallet, ...beside });
    const { evidence, endorsements } = platform.attest("nitro-cose", REPORT);
    const verdict = verifyEvidence(evidence, endorsements, roots, timestamp);
    const images = { chain: null, account, address: made.images, abi: measurementRegistryAbi } as const;
    await wallet.writeContract({ ...images, functionName: "announce", args: [verdict.measurementId, BUNDLE] });
    await node.rpc("evm_increaseTime", [48 * 3600]);
    await node.rpc("evm_mine");
    await wallet.writeContract({ ...images, functionName: "list", args: [verdict.measurementId] });
  });

  const running: RunningNode[] = [];
  after(async () => {
    await Promise.all(running.map(async (one) => one.stop()));
    await node.close();
  });

  /** A worker whose standing duty it is to attest. */
  async function startAttester(account: number): Promise<void> {
    const flags = {
      "attester.duty": "on",
      "attester.registry": made.enclaves,
      "attester.simulatedRoot": root,
      "net.port": "0",
      "monitor.port": "0",
      "log.level": "silent",
      "node.drainSeconds": "0",
    };
    running.push(await startNode(loadConfig({ file: configOf(account), flags }).config));
  }

  const said = async (caseId: bigint, round: number, account: number): Promise<Hex> =>
    node.clients(0).public.readContract({
      address: made.board,
      abi: verdictBoardAbi,
      functionName: "saidBy",
      args: [caseId, round, node.account(account).address],
    });

  /** Until the chain says so: nobody else moves it. */
  async function until(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) await setTimeout(50);
  }

  const tee = async (account: number, ...argv: string[]) =>
    captureCli(await loadCommands(["tee", argv[0] ?? ""]), [
      "tee",
      ...argv,
      "--simulated-root",
      root,
      "--enclaves",
      made.enclaves,
      "--config",
      configOf(account),
      "--json",
    ]);

  it("R56: behavior: an AWS enclave's key is registered by five workers' own verification", async () => {
    for (const account of ATTESTERS) {
      const joined = await tee(account, "attest", "--join", "--verdicts", "2");
      expect(joined.code, joined.err).to.equal(0);
      expect(JSON.parse(joined.out)).to.deep.equal({ ok: true, verdicts: [] });
    }
    const { number, hash } = await node.clients(0).public.getBlock();
    const runtime = runtimeOf(MODEL);
    const shown = { key: KEY, channelKey: keccakText("channel"), sealKey: keccakText("seal"), epoch: 1 };
    const worker: Hex = `0x${node.account(WORKER).address.slice(2).toLowerCase().padStart(64, "0")}`;
    const bound = { ...shown, chainId: 31_337n, registry: made.enclaves, worker, challenge: hash };
    const report = platform.attest("nitro-cose", { ...REPORT, reportData: bindReportData(bound, runtime) });
    const argv = ["register", file("document.bin", report.evidence.bytes), "--format", "nitro-cose", "--binding"];
    argv.push(
      file("binding.json", JSON.stringify({ ...shown, challengeBlock: Number(number), runtime: toHex(runtime) })),
    );
    const opened = await tee(WORKER, ...argv);
    expect(opened.code, opened.out + opened.err).to.equal(75);
    expect(JSON.parse(opened.out)).to.include({ ok: true, case: 1, root: "simulated" });
    await node.rpc("hardhat_mine", ["0x4"]);

    const words: unknown[] = [];
    // Two say it by themselves, as workers with that duty do, two by hand.
    for (const account of ATTESTERS.slice(2, 4)) {
      await startAttester(account);
      await until(async () => BigInt(await said(1n, 0, account)) !== 0n);
      words.push(await said(1n, 0, account));
    }
    for (const account of ATTESTERS.slice(0, 2)) {
      const pass = await tee(account, "attest");
      expect(pass.code, pass.err).to.equal(0);
      const { verdicts } = JSON.parse(pass.out) as { readonly verdicts: readonly { readonly word: Hex; readonly refusal: null }[] }; // prettier-ignore
      expect(verdicts.map(({ refusal }) => refusal)).to.deep.equal([null]);
      words.push(verdicts[0]?.word);
    }
    expect(new Set(words).size).to.equal(1);
    // The fifth came late: four are a verdict, and there is nothing left to say.
    expect(JSON.parse((await tee(9, "attest")).out)).to.deep.equal({ ok: true, verdicts: [] });
    const early = await tee(WORKER, ...argv, "--case", "1");
    expect(early.code).to.equal(1);
    expect(early.out + early.err).to.contain("NotStanding");
    await node.rpc("evm_increaseTime", [11]);
    await node.rpc("evm_mine");
    const registered = await tee(WORKER, ...argv, "--case", "1");
    expect(registered.code, registered.err).to.equal(0);
    expect(JSON.parse(registered.out)).to.include({ ok: true, key: KEY, root: "simulated" });
    const call = { address: made.enclaves, abi: enclaveRegistryAbi, functionName: "isLive", args: [KEY, 0n] } as const;
    expect(await node.clients(0).public.readContract(call)).to.equal(true);
  });
});
