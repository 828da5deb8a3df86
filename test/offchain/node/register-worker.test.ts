// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { existsSync, chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { hexToBytes, toHex } from "viem";
import { approveTokens } from "../../../offchain/adapters/chain/actions/approve-tokens.ts";
import { getEpoch } from "../../../offchain/adapters/chain/actions/get-epoch.ts";
import { getTicketsOf } from "../../../offchain/adapters/chain/actions/get-tickets-of.ts";
import { getWorker } from "../../../offchain/adapters/chain/actions/get-worker.ts";
import { assayHubAbi } from "../../../offchain/adapters/chain/abi/assay-hub.ts";
import { devTokenAbi } from "../../../offchain/adapters/chain/abi/dev-token.ts";
import { stakeVaultAbi } from "../../../offchain/adapters/chain/abi/stake-vault.ts";
import { createChain } from "../../../offchain/adapters/chain/create-chain.ts";
import { MemoryJournal } from "../../../offchain/adapters/store/memory-journal.ts";
import { Secret } from "../../../offchain/core/secret.ts";
import { packSignature, signDigest } from "../../../offchain/core/signature.ts";
import { loadConfig } from "../../../offchain/node/config.ts";
import { runDoctor, type Check } from "../../../offchain/node/doctor.ts";
import { initNode } from "../../../offchain/node/init.ts";
import { registerWorker, startTable } from "../../../offchain/node/register-worker.ts";
import { upkeepTable } from "../../../offchain/node/upkeep-table.ts";
import { startTestChain, type TestChain } from "../../support/cluster/chain.ts";
import { nullLogger, testClock, until } from "../../support/cluster/cluster.ts";
import { expectCode } from "../../support/expect-code.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const OWNER = 3;
const OPERATOR = 4;
const ENDPOINT = "http://127.0.0.1:7001";

describe("a worker from nothing to seats", function suite() {
  this.timeout(180_000);
  let node: TestChain;
  const life = new AbortController();
  let stake = 0n;

  before(async () => {
    node = await startTestChain();
    const { public: reader } = node.clients(OWNER);
    stake = await reader.readContract({
      address: node.deployment.vault,
      abi: stakeVaultAbi,
      functionName: "minimumStake",
    });
    await write("token", devTokenAbi, "mint", [node.account(OWNER).address, stake * 4n]);
  });
  after(async () => {
    life.abort();
    await node.close();
  });

  const write = async (
    contract: "vault" | "hub" | "token",
    abi: readonly unknown[],
    functionName: string,
    args: readonly unknown[],
    from = OWNER,
  ) => {
    const { wallet, account, public: reader } = node.clients(from);
    const address = node.deployment[contract];
    const hash = await wallet.writeContract({ chain: null, account, address, abi: abi as never, functionName, args });
    await reader.waitForTransactionReceipt({ hash });
  };
  const signerOf = (index: number) => {
    const { address, privateKey } = node.account(index);
    return {
      address: address.toLowerCase() as `0x${string}`,
      signDigest: (digest: Uint8Array) => packSignature(signDigest(digest, hexToBytes(privateKey))),
    };
  };
  const connect = (index: number | null) =>
    createChain(
      { rpcUrl: node.url, chainId: 31337, hub: node.deployment.hub, pollMs: 20 },
      {
        clock: testClock,
        random: Math.random,
        signal: life.signal,
        logger: nullLogger,
        ...(index === null ? {} : { signer: signerOf(index), journal: new MemoryJournal({ clock: testClock }) }),
      },
    );
  const profile = {
    transportId: toHex(1, { size: 32 }),
    sealKey: toHex(2, { size: 32 }),
    endpoints: ENDPOINT,
  } as const;
  // A quarter year: the doctor's test lets it expire.
  const options = { profile: { ...profile, capabilities: 1n }, ticketClass: 0, validForSec: 7_776_000 };

  // --- doctor, from an empty folder on ---------------------------------------------------------------------------------

  let folder = "";
  const doctor = async (flags: Record<string, string> = {}): Promise<Map<string, Check>> => {
    const { config } = loadConfig({
      file: join(folder, "assay.toml"),
      flags: { "--work-executor": "reference", "--monitor-port": "0", "--net-port": "0", ...flags },
    });
    return new Map((await runDoctor(config, { logger: nullLogger })).map((check) => [check.name, check]));
  };
  /** A failed check says what is wrong and what to do; a passed one asks for nothing. */
  const expectFailure = (checks: Map<string, Check>, name: string, detail: RegExp, fix: RegExp) => {
    const check = checks.get(name);
    expect(check?.ok, `${name}: ${check?.detail}`).to.equal(false);
    expect(check?.detail).to.match(detail);
    expect(check?.fix).to.match(fix);
  };

  it("behavior: doctor names each thing that is wrong, and how to repair it (R9)", async () => {
    folder = join(temporaryFolder(), "worker");
    await initNode({
      folder,
      development: true,
      operatorKey: new Secret(hexToBytes(node.account(OPERATOR).privateKey)),
      values: { "chain.rpcUrl": node.url, "chain.id": 31337, "chain.hub": node.deployment.hub },
    });
    const fresh = await doctor();
    for (const name of ["chain", "clock", "keys", "disk", "executor", "ports"])
      expect(fresh.get(name), name).to.include({ ok: true, fix: "" });
    expect(fresh.get("beacon"), "seeds of single blocks").to.deep.include({ ok: true, fix: "" });
    expectFailure(fresh, "models", /none configured/, /work\.models/);
    expect(fresh.get("enclave")).to.include({ ok: true, detail: "off" });
    const simulated = { "--enclave-provider": "simulated", "--enclave-model": "some" };
    expectFailure(await doctor(simulated), "enclave", /none of work\.models/, /section `enclave`/);
    expectFailure(fresh, "stake", /no worker has the signer/, /stake add/);

    const unreachable = await doctor({ "--chain-rpc-url": "http://127.0.0.1:9" });
    expectFailure(unreachable, "chain", /does not answer/, /node runs/);
    expectFailure(unreachable, "clock", /no chain/, /chain check first/);
    expectFailure(unreachable, "stake", /needs chain and keys/, /those checks first/);
    const away = { "--chain-rpc-url": "http://127.0.0.1:9", "--enclave-provider": "nitro" };
    expectFailure(await doctor(away), "enclave", /needs chain and keys/, /those checks first/);
    expectFailure(unreachable, "beacon", /needs chain and keys/, /those checks first/);
    expectFailure(await doctor({ "--chain-hub": `0x${"12".repeat(20)}` }), "chain", /no AssayHub/, /addresses\.json/);

    const missing = join(folder, "nothing");
    expectFailure(await doctor({ "--keys-folder": missing }), "keys", /./, /./);
    chmodSync(join(folder, "keys"), 0o755);
    expectFailure(await doctor(), "keys", /others may read/, /chmod 700/);
    chmodSync(join(folder, "keys"), 0o700);
    expectFailure(await doctor({ "--work-models": missing }), "models", /./, /./);

    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    expectFailure(await doctor({ "--net-port": String(port) }), "ports", /EADDRINUSE/, /another port/);
    await new Promise<void>((resolve) => void server.close(() => resolve()));

    const parent = temporaryFolder();
    writeFileSync(join(parent, "file"), "");
    expect(existsSync(join(parent, "file", "data"))).to.equal(false);
    expectFailure(await doctor({ "--store-folder": join(parent, "gone", "data") }), "disk", /ENOENT/, /space/);
  });

  // --- registration -------------------------------------------------------------------------------------------------------

  it("error: READ_ONLY without the owner's key; REVERTED when the signer did not agree", async () => {
    await expectCode("READ_ONLY", async () =>
      registerWorker({ ...options, chain: await connect(null), operator: signerOf(OPERATOR), stake }),
    );
    const forged = { address: signerOf(OPERATOR).address, signDigest: signerOf(7).signDigest };
    await expectCode("REVERTED", async () =>
      registerWorker({ ...options, chain: await connect(OWNER), operator: forged, stake }),
    );
  });

  it("default: registers, stakes, takes all tickets; repeated it changes nothing (R9)", async () => {
    const chain = await connect(OWNER);
    const operator = signerOf(OPERATOR);
    const unstaked = await registerWorker({ ...options, chain, operator, stake: 0n });
    expectFailure(await doctor(), "stake", /no tickets/, /stake add/);
    const steps: string[] = [];
    const { workerId } = await registerWorker({
      ...options,
      chain,
      operator,
      stake,
      onStep: (step) => steps.push(step),
    });
    expect(workerId).to.equal(unstaked.workerId);
    expect(steps).to.deep.equal(["registered", "staked", "ticketed"]);
    const tickets = await getTicketsOf(chain, { workerId, ticketClass: 0 });
    expect(tickets).to.be.greaterThan(0);
    expect(await registerWorker({ ...options, chain, operator, stake: 0n })).to.deep.equal({ workerId });
    expect((await getWorker(chain, { workerId })).stake).to.equal(stake);
    expect(await getTicketsOf(chain, { workerId, ticketClass: 0 })).to.equal(tickets);
  });

  it("behavior: startTable starts a new deployment's table once", async () => {
    const chain = await connect(OWNER);
    expect(await startTable(chain)).to.equal(true);
    expect(await startTable(chain)).to.equal(false);
    expect((await getEpoch(chain))[0]).to.equal(1);
  });

  it("behavior: doctor checks the record: endpoint, free balance, expiry (R9)", async () => {
    expectFailure(
      await doctor({ "--net-public-url": "http://127.0.0.1:7002" }),
      "stake",
      /names .*7001/,
      /profile again/,
    );
    expectFailure(await doctor({ "--net-public-url": ENDPOINT }), "stake", /no free balance/, /Deposit/);
    await write("token", devTokenAbi, "mint", [node.account(OPERATOR).address, 1_000n], OPERATOR);
    await approveTokens(await connect(OPERATOR), { spender: node.deployment.hub, amount: 1_000n });
    await write("hub", assayHubAbi, "deposit", [1_000n], OPERATOR);
    expect((await doctor({ "--net-public-url": ENDPOINT })).get("stake")).to.include({ ok: true, fix: "" });
    const snapshot = await node.rpc("evm_snapshot");
    await node.rpc("evm_increaseTime", [options.validForSec + 3_600]);
    await node.rpc("hardhat_mine", ["0x1"]);
    expectFailure(await doctor(), "stake", /expired/, /new profile/);
    await node.rpc("evm_revert", [snapshot]);
  });

  // --- upkeep ----------------------------------------------------------------------------------------------------------------

  it("behavior: upkeep leaves a running epoch alone and advances one that is over, once among several workers", async () => {
    const stop = new AbortController();
    const chains = await Promise.all([connect(OWNER), connect(OPERATOR)]);
    const [chain] = chains;
    const { public: reader } = node.clients(OWNER);
    const observe = async () => {
      const { timestamp } = await reader.getBlock();
      for (const one of chains) one.clock.observe(timestamp);
    };
    await observe();
    let naps = 0;
    const clock = {
      ...testClock,
      sleep: async (_ms: number, signal?: AbortSignal) => {
        naps += 1;
        await testClock.sleep(20, signal);
      },
    };
    const loops = chains.map((one) =>
      upkeepTable(one, { clock, logger: nullLogger, signal: stop.signal, random: () => Uint8Array.of(0) }),
    );
    try {
      await until(60_000, () => (naps > 6 ? true : null));
      expect((await getEpoch(chain))[0], "the epoch is not over").to.equal(1);
      const endsAt = (await getEpoch(chain))[3];
      const { timestamp } = await reader.getBlock();
      await node.rpc("evm_increaseTime", [endsAt - Number(timestamp) + 5]);
      await node.rpc("hardhat_mine", ["0x1"]);
      await observe();
      await until(60_000, async () => ((await getEpoch(chain))[0] === 2 ? true : null));
      naps = 0;
      await until(60_000, () => (naps > 6 ? true : null));
      expect((await getEpoch(chain))[0]).to.equal(2);
    } finally {
      stop.abort();
      await Promise.all(loops);
    }
  });
});
