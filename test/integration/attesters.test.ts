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
import { REFUSED } from "../../offchain/engines/tee/board.ts";
import { verifyEvidence } from "../../offchain/engines/tee/verify.ts";
import { verdictBoardAbi } from "../../offchain/adapters/chain/abi/verdict-board.ts";
import { BOARD_JURY, BOARD_SEATS } from "../../offchain/node/attester/register-by-board.ts";
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
/** Who joins for the second case, and who challenges it. */
const JURORS = [1, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19] as const;
const CHALLENGER = 3;
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

  async function send(
    from: number,
    target: Hex,
    abi: readonly unknown[],
    functionName: string,
    args: readonly unknown[],
  ): Promise<void> {
    const { wallet, public: reader, account } = node.clients(from);
    const hash = await wallet.writeContract({ chain: null, account, address: target, abi: abi as never, functionName, args }); // prettier-ignore
    await reader.waitForTransactionReceipt({ hash });
  }

  /** A staked worker whose owner is its signer. */
  async function enlist(account: number): Promise<void> {
    const { address, privateKey } = node.account(account);
    const { public: reader } = node.clients(account);
    const { vault, token, chainId } = node.deployment;
    const write = async (target: Hex, abi: readonly unknown[], functionName: string, args: readonly unknown[]) =>
      send(account, target, abi, functionName, args);
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
  }

  /** And its folder. */
  async function enlistWithFolder(account: number): Promise<void> {
    await enlist(account);
    const { privateKey } = node.account(account);
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
    for (const account of [WORKER, ...ATTESTERS]) await enlistWithFolder(account);
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

  async function enrol(account: number): Promise<void> {
    const joined = await tee(account, "attest", "--join", "--verdicts", "2");
    expect(joined.code, joined.err).to.equal(0);
    expect(JSON.parse(joined.out)).to.deep.equal({ ok: true, verdicts: [] });
  }

  it("R56: behavior: an AWS enclave's key is registered by five workers' own verification", async () => {
    for (const account of [WORKER, ...ATTESTERS.slice(1)]) await enrol(account);
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
    const size = async (functionName: "SEATS" | "JURY") =>
      node.clients(0).public.readContract({ address: made.board, abi: verdictBoardAbi, functionName });
    expect([await size("SEATS"), await size("JURY")]).to.deep.equal([BOARD_SEATS, BOARD_JURY]);
    // Five are attesters, and one of them asks.
    const tokens = { address: node.deployment.token, abi: devTokenAbi, functionName: "balanceOf", args: [node.account(WORKER).address] } as const; // prettier-ignore
    const held = await node.clients(0).public.readContract(tokens);
    const alone = await tee(WORKER, ...argv);
    expect([alone.code, alone.out.includes("ATTESTERS_FEW"), alone.out.includes("has 4 attesters")]).to.deep.equal([75, true, true]); // prettier-ignore
    expect(await node.clients(0).public.readContract(tokens), "nothing paid").to.equal(held);
    await enrol(ATTESTERS[0]);
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

  it("R56: behavior: anybody overturns a lie of four by challenging it; what is true is not challenged at all", async () => {
    const { public: reader, account: payer } = node.clients(CHALLENGER);
    const board = { address: made.board, abi: verdictBoardAbi } as const;
    const { token } = node.deployment;
    const write = async (account: number, functionName: string, args: readonly unknown[]) =>
      send(account, made.board, verdictBoardAbi, functionName, args);
    const approve = async (account: number, amount: bigint) =>
      send(account, token, devTokenAbi, "approve", [made.board, amount]);
    const tokens = async () => reader.readContract({ address: token, abi: devTokenAbi, functionName: "balanceOf", args: [payer.address] }); // prettier-ignore
    // Standing duties would come before the liars.
    await Promise.all(running.splice(0).map(async (one) => one.stop()));
    await Promise.all(
      JURORS.map(async (account) => {
        await enlist(account);
        await approve(account, 3n * ATTESTER_STAKE);
        await write(account, "deposit", [3n * ATTESTER_STAKE]);
        await write(account, "join", []);
      }),
    );
    await send(0, token, devTokenAbi, "mint", [payer.address, ATTESTER_STAKE]);
    const key = file("challenger.key", node.account(CHALLENGER).privateKey);
    const challenge = async (caseId: number, ...more: string[]) =>
      tee(WORKER, "challenge", String(caseId), "--key-file", key, ...more);

    // The first test's verdict is true.
    const held = await tokens();
    const wrong = await challenge(1);
    expect([wrong.code, JSON.parse(wrong.out)]).to.deep.include(1);
    expect(wrong.out).to.contain("VERDICT_HOLDS");
    expect(await reader.readContract({ ...board, functionName: "caseOf", args: [1n] })).to.include({ state: 2 });
    expect(await tokens(), "nothing paid").to.equal(held);

    // A document that AWS never signed, and four who say that it did.
    const forged = Uint8Array.from(platform.attest("nitro-cose", REPORT).evidence.bytes);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    await approve(WORKER, ATTESTER_STAKE);
    await write(WORKER, "deposit", [ATTESTER_STAKE]);
    await write(WORKER, "open", [4, toHex(forged), "0x", await reader.getBlockNumber()]);
    await node.rpc("hardhat_mine", ["0x3"]);
    const early = await challenge(2);
    expect([early.code, early.out.includes("VERDICT_PENDING")]).to.deep.equal([75, true]);
    const at = (address: Hex): number => [...ATTESTERS, ...JURORS].find((one) => node.account(one).address === address) ?? -1; // prettier-ignore
    const five = await reader.readContract({ ...board, functionName: "seatsOf", args: [2n, 0] });
    const lie = keccakText("genuine");
    const about = await reader.readContract({ ...board, functionName: "digestOf", args: [2n] });
    for (const seat of five.slice(0, 4)) await write(at(seat), "post", [2n, about, lie]);

    const doubted = await challenge(2);
    expect(doubted.code, doubted.out + doubted.err).to.equal(0);
    const started = JSON.parse(doubted.out) as { readonly bond: string; readonly refusal: string };
    expect(started).to.include({ ok: true, case: 2, verdict: lie, own: REFUSED });
    expect(started.refusal).to.not.equal(null);
    expect(await tokens()).to.equal(held - BigInt(started.bond));
    const twice = await challenge(2, "--collect");
    expect([twice.code, twice.out.includes("VERDICT_PENDING")]).to.deep.equal([75, true]);

    await node.rpc("hardhat_mine", ["0x3"]);
    const eleven = await reader.readContract({ ...board, functionName: "seatsOf", args: [2n, 1] });
    for (const seat of eleven.slice(0, 8)) await write(at(seat), "post", [2n, about, REFUSED]);
    expect(await reader.readContract({ ...board, functionName: "caseOf", args: [2n] })).to.include({ state: 4, word: REFUSED }); // prettier-ignore
    for (const seat of five.slice(0, 4)) {
      const slot = await reader.readContract({ ...board, functionName: "slotOf", args: [seat] });
      const { reserve, leftAt } = await reader.readContract({ ...board, functionName: "attester", args: [slot] });
      expect([reserve, leftAt > 0], "lost its reserve and its place").to.deep.equal([0n, true]);
    }
    const late = await challenge(2);
    expect([late.code, late.out.includes("VERDICT_FINAL")]).to.deep.equal([1, true]);
    const collected = await challenge(2, "--collect");
    expect(collected.code, collected.out + collected.err).to.equal(0);
    // Half of four liars' two stakes, and the bond less eight jurors' rewards.
    const gain = 4n * ATTESTER_STAKE - 8n * (ATTESTER_STAKE / 100n);
    expect(JSON.parse(collected.out)).to.include({
      ok: true,
      word: REFUSED,
      amount: String(BigInt(started.bond) + gain),
    });
    expect(await tokens()).to.equal(held + gain);
  });
});
