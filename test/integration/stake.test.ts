// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { hexToBytes, toHex } from "viem";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { stakeVaultAbi } from "../../offchain/adapters/chain/abi/stake-vault.ts";
import { operatorKeyPath } from "../../offchain/adapters/keys/key-ring.ts";
import { ProcessLock } from "../../offchain/adapters/store/process-lock.ts";
import { loadCommands } from "../../offchain/cli/commands/loaders.ts";
import { EXIT } from "../../offchain/cli/exit-code.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { initNode } from "../../offchain/node/init.ts";
import { captureCli } from "../support/capture-cli.ts";
import { startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const OWNER = 3;
const OPERATOR = 4;
const STRANGER = 5;
const POOR = 6;
const BOND = 1_000n;
const ENDPOINT = "http://127.0.0.1:7001";

describe("assay stake", function suite() {
  this.timeout(180_000);
  let node: TestChain;
  let folder = "";
  let stake = 0n;

  before(async () => {
    node = await startTestChain();
    folder = join(temporaryFolder(), "worker");
    await initNode({
      folder,
      development: true,
      operatorKey: new Secret(hexToBytes(node.account(OPERATOR).privateKey)),
      values: {
        "chain.rpcUrl": node.url,
        "chain.id": 31337,
        "chain.hub": node.deployment.hub,
        "chain.pollMs": 20,
      },
    });
    for (const index of [OWNER, STRANGER, POOR])
      writeFileSync(join(folder, `${index}.key`), `${node.account(index).privateKey}\n`, { mode: 0o600 });
    stake = await reader().readContract({
      address: node.deployment.vault,
      abi: stakeVaultAbi,
      functionName: "minimumStake",
    });
    for (const index of [OWNER, STRANGER]) await mint(index, stake * 2n);
  });
  after(async () => node.close());

  const reader = () => node.clients(OWNER).public;
  const mint = async (to: number, amount: bigint) => {
    const { wallet, account } = node.clients(0);
    const args = [node.account(to).address, amount] as const;
    const call = { chain: null, account, address: node.deployment.token, abi: devTokenAbi } as const;
    await reader().waitForTransactionReceipt({
      hash: await wallet.writeContract({ ...call, functionName: "mint", args }),
    });
  };
  const tokensOf = async (index: number) =>
    reader().readContract({
      address: node.deployment.token,
      abi: devTokenAbi,
      functionName: "balanceOf",
      args: [node.account(index).address],
    });
  const freeBalance = async () =>
    reader().readContract({
      address: node.deployment.hub,
      abi: assayHubAbi,
      functionName: "balanceOf",
      args: [node.account(OPERATOR).address],
    });
  const epoch = async () =>
    reader().readContract({ address: node.deployment.vault, abi: stakeVaultAbi, functionName: "epoch" });
  /** Blocks of the chain: a command that changes nothing sends nothing. */
  const height = async () => reader().getBlockNumber();
  const travelTo = async (time: number) => {
    const { timestamp } = await reader().getBlock();
    await node.rpc("evm_increaseTime", [Math.max(1, time - Number(timestamp))]);
    await node.rpc("hardhat_mine", ["0x1"]);
  };

  const run = async (verb: string, ...rest: string[]) => {
    const argv = ["stake", verb, "--config", join(folder, "assay.toml"), "--json", ...rest];
    const { code, out, err } = await captureCli(await loadCommands(argv), argv);
    return {
      code,
      err,
      result: JSON.parse(out) as Record<string, unknown> & { error?: { code: string; message: string } },
    };
  };
  const withOwner = async (index: number, verb: string, ...rest: string[]) =>
    run(verb, "--owner-key-file", join(folder, `${index}.key`), ...rest);
  const add = async (index: number, ...rest: string[]) =>
    withOwner(index, "add", "--amount", String(stake), "--endpoints", ENDPOINT, ...rest);
  const expectError = (
    { code, result }: Awaited<ReturnType<typeof run>>,
    name: string,
    exit: number = EXIT.failed,
  ): string => {
    expect(result.error?.code, JSON.stringify(result)).to.equal(name);
    expect(code).to.equal(exit);
    return result.error?.message ?? "";
  };

  it("error: what must fail is refused before anything is sent", async () => {
    const before = await height();
    expectError(await run("show"), "NOT_REGISTERED", EXIT.later);
    expectError(await run("show", "--worker", "77"), "REVERTED");
    expectError(await withOwner(OWNER, "leave"), "NOT_REGISTERED", EXIT.later);
    expectError(await withOwner(OWNER, "leave", "--keys-folder", join(folder, "none")), "OWNER_UNKNOWN");
    expectError(await withOwner(OWNER, "add", "--amount", String(stake)), "ENDPOINTS_MISSING");
    expectError(await withOwner(OWNER, "add", "--amount", String(stake - 1n)), "STAKE_LOW");
    expectError(await withOwner(OWNER, "add", "--amount", "1.5"), "OPTION_INVALID", EXIT.usage);
    expectError(await withOwner(OWNER, "add", "--amount", "1", "--endpoints", "ftp://x"), "OPTION_INVALID", EXIT.usage);
    expectError(await run("add", "--amount", "1"), "OPTION_MISSING", EXIT.usage);
    expectError(await add(POOR), "TOKENS_MISSING");
    await node.rpc("hardhat_setBalance", [node.account(OPERATOR).address, "0x0"]);
    expectError(await add(OWNER, "--bond", String(BOND)), "GAS_MISSING");
    await node.rpc("hardhat_setBalance", [node.account(OPERATOR).address, toHex(10n ** 20n)]);
    // A running worker holds the lock on its key.
    const lock = new ProcessLock(operatorKeyPath({ folder: join(folder, "keys"), development: true }));
    expectError(await add(OWNER, "--bond", String(BOND)), "KEY_LOCKED", EXIT.later);
    lock.release();
    expect(await height()).to.equal(before);
  });

  it("default: add from nothing registers, stakes, takes tickets and deposits the bond (R9)", async () => {
    const { code, result, err } = await add(OWNER, "--bond", String(BOND), "--start-table");
    expect(code, JSON.stringify(result)).to.equal(EXIT.done);
    expect(result).to.include({
      workerId: 1,
      stake: String(stake),
      tickets: 4,
      endpoints: ENDPOINT,
      freeBalance: String(BOND),
      jailedUntil: 0,
      unbonding: "0",
      tableVersion: 1,
    });
    expect(result["holdings"]).to.deep.equal([{ ticketClass: 0, tickets: 4 }]);
    expect(err).to.contain('"progress":"stake"');
    expect(await freeBalance()).to.equal(BOND);
    expect(await tokensOf(OWNER)).to.equal(stake - BOND);
    expect(await tokensOf(OPERATOR)).to.equal(0n);
  });

  it("behavior: repeated, add sends nothing; show says the same", async () => {
    const before = await height();
    const again = await add(OWNER, "--bond", String(BOND), "--start-table");
    expect(again.code).to.equal(EXIT.done);
    // Without --endpoints what is published stays.
    expect((await withOwner(OWNER, "add", "--amount", String(stake))).code).to.equal(EXIT.done);
    expect(await height()).to.equal(before);
    const shown = await run("show");
    expect(shown.code).to.equal(EXIT.done);
    expect(shown.result).to.deep.equal(again.result);
    expect((await run("show", "--worker", "1", "--keys-folder", join(folder, "none"))).result).to.deep.equal(
      again.result,
    );
    const argv = ["stake", "show", "--config", join(folder, "assay.toml")];
    expect((await captureCli(await loadCommands(argv), argv)).out).to.match(/^tickets +4 in class 0$/m);
  });

  it("error: another owner's key is refused by all commands that write", async () => {
    const before = await height();
    expectError(await add(STRANGER), "NOT_OWNER");
    for (const verb of ["leave", "withdraw"]) expectError(await withOwner(STRANGER, verb), "NOT_OWNER");
    expect(await height()).to.equal(before);
  });

  it("error: OWNER_TAKEN when the owner has a worker with another operator", async () => {
    const other = join(temporaryFolder(), "other");
    await initNode({ folder: other, development: true, values: {} });
    expectError(
      await add(OWNER, "--keys-folder", join(other, "keys"), "--keys-password-file", join(other, "password")),
      "OWNER_TAKEN",
    );
  });

  it("behavior: new endpoints are published again", async () => {
    const moved = await add(OWNER, "--endpoints", "https://a.example,https://b.example");
    expect(moved.code).to.equal(EXIT.done);
    expect(moved.result["endpoints"]).to.equal("https://a.example https://b.example");
  });

  it("behavior: R17 what the worker can do is published by name, and kept", async () => {
    const common = await run("show");
    expect(common.result["capabilities"]).to.deep.equal(["vote", "optimistic", "floats"]);
    const declared = await add(OWNER, "--capabilities", "vote,proof,cipher");
    expect(declared.result["capabilities"]).to.deep.equal(["vote", "proof", "cipher"]);
    const kept = await add(OWNER);
    expect(kept.result["capabilities"]).to.deep.equal(["vote", "proof", "cipher"]);
    const wrong = await add(OWNER, "--capabilities", "vote,fly");
    expect(expectError(wrong, "OPTION_INVALID", EXIT.usage)).to.contain("cipher");
  });

  it("error: in the first half of an epoch tickets stay, and the message says until when", async () => {
    const opens = new Date((await epoch())[2] * 1000).toISOString();
    expect(expectError(await withOwner(OWNER, "leave"), "CHANGES_CLOSED", EXIT.later)).to.contain(opens);
    // More stake goes in at once; only its tickets have to wait, and the same command then takes them.
    expectError(await withOwner(OWNER, "add", "--amount", String(stake + stake / 4n)), "CHANGES_CLOSED", EXIT.later);
    const { result } = await run("show");
    expect(result).to.include({ stake: String(stake + stake / 4n), tickets: 4 });
  });

  it("default: leave gives up all tickets and unbonds; withdraw pays after the unbonding time", async () => {
    await travelTo((await epoch())[2]);
    const more = await withOwner(OWNER, "add", "--amount", String(stake + stake / 4n));
    expect(more.result).to.include({ stake: String(stake + stake / 4n), tickets: 5 });
    expectError(await withOwner(OWNER, "withdraw"), "NOTHING_UNBONDING");
    const left = await withOwner(OWNER, "leave");
    expect(left.code, JSON.stringify(left.result)).to.equal(EXIT.done);
    expect(left.result).to.include({ workerId: 1, ticketsGivenUp: 5, unbonding: String(stake + stake / 4n) });
    const before = await height();
    const again = await withOwner(OWNER, "leave");
    expect(again.result).to.deep.equal({ ...left.result, ticketsGivenUp: 0 });
    const unbondAt = Number(left.result["unbondAt"]);
    const soon = expectError(await withOwner(OWNER, "withdraw"), "UNBONDING", EXIT.later);
    expect(soon).to.contain(new Date(unbondAt * 1000).toISOString());
    expect(await height()).to.equal(before);

    await travelTo(unbondAt);
    const had = await tokensOf(OWNER);
    // The owner's machine need not hold the worker's keys.
    const paid = await withOwner(OWNER, "withdraw", "--keys-folder", join(folder, "none"));
    expect(paid.code, JSON.stringify(paid.result)).to.equal(EXIT.done);
    expect(paid.result["amount"]).to.equal(String(stake + stake / 4n));
    expect(await tokensOf(OWNER)).to.equal(had + stake + stake / 4n);
    expectError(await withOwner(OWNER, "withdraw"), "NOTHING_UNBONDING");
    const bond = await withOwner(OWNER, "withdraw", "--bond", "--to", node.account(STRANGER).address);
    expect(bond.result, JSON.stringify(bond.result)).to.include({ amount: "0", bond: String(BOND) });
    expect(await freeBalance()).to.equal(0n);
    expect(await tokensOf(STRANGER)).to.equal(stake * 2n + BOND);
    expectError(await withOwner(OWNER, "withdraw", "--bond"), "NOTHING_UNBONDING");
    expect((await run("show")).result).to.include({ stake: "0", unbonding: "0", tickets: 0 });
  });

  it("behavior: leave finds its cells in every class, between those of others, after a stake in each", async () => {
    const fresh = await startTestChain();
    try {
      const { wallet, account, public: look } = fresh.clients(0);
      const { vault, token, hub } = fresh.deployment;
      const mined = async (hash: Promise<`0x${string}`>) => look.waitForTransactionReceipt({ hash: await hash });
      const base = { chain: null, account } as const;
      const newClass = { minPrice: 0n, maxUnits: 1n, capabilities: 0n };
      await mined(
        wallet.writeContract({
          ...base,
          address: vault,
          abi: stakeVaultAbi,
          functionName: "createTicketClass",
          args: [newClass],
        }),
      );
      const workers: string[][] = [];
      for (const [owner, operator] of [
        [OWNER, OPERATOR],
        [STRANGER, POOR],
      ] as const) {
        const args = [fresh.account(owner).address, stake * 3n] as const;
        await mined(wallet.writeContract({ ...base, address: token, abi: devTokenAbi, functionName: "mint", args }));
        const place = join(temporaryFolder(), "worker");
        await initNode({
          folder: place,
          development: true,
          operatorKey: new Secret(hexToBytes(fresh.account(operator).privateKey)),
          values: { "chain.rpcUrl": fresh.url, "chain.id": 31337, "chain.hub": hub, "chain.pollMs": 20 },
        });
        const key = join(folder, `${owner}.key`);
        workers.push(["--config", join(place, "assay.toml"), "--owner-key-file", key, "--json"]);
      }
      const call = async (verb: string, options: readonly string[]) => {
        const argv = ["stake", verb, ...options];
        const { code, out } = await captureCli(await loadCommands(argv), argv);
        expect(code, out).to.equal(EXIT.done);
        return JSON.parse(out) as Record<string, unknown>;
      };
      const [first = [], second = []] = workers;
      // Turn by turn, so that cells of both stand between each other in both classes.
      for (const [turn, ticketClass] of ["0", "1", "0"].entries())
        for (const worker of [first, second]) {
          const amount = String(stake + (stake / 4n) * BigInt(turn));
          await call("add", [...worker, "--amount", amount, "--class", ticketClass, "--endpoints", ENDPOINT]);
        }
      expect(await call("leave", first)).to.include({ workerId: 1, ticketsGivenUp: 6 });
      const held = async (from: number) =>
        look.readContract({
          address: vault,
          abi: stakeVaultAbi,
          functionName: "tickets",
          args: [0, from, 0, 100],
        });
      expect(await held(0)).to.deep.equal([2, 2, 2, 2, 2]);
      expect(await held(1)).to.deep.equal([2]);
    } finally {
      await fresh.close();
    }
  });
});
