// SPDX-License-Identifier: GPL-3.0-or-later
// The real side of the model-based tests: a whole deployment on an in-process chain, sent to without any client between,
// so that thousands of transactions are affordable. Time and blocks are the test's own: the same calls give the same chain.
import { network } from "hardhat";
import {
  type Abi,
  type Hex,
  type PublicClient,
  createPublicClient,
  createWalletClient,
  custom,
  decodeErrorResult,
  encodeFunctionData,
  getAddress,
  keccak256,
  toHex,
} from "viem";
import { hardhat } from "viem/chains";
import { assayHubAbi } from "../../../offchain/adapters/chain/abi/assay-hub.ts";
import { blockSeedAbi } from "../../../offchain/adapters/chain/abi/block-seed.ts";
import { devTokenAbi } from "../../../offchain/adapters/chain/abi/dev-token.ts";
import { modelRegistryAbi } from "../../../offchain/adapters/chain/abi/model-registry.ts";
import { stakeVaultAbi } from "../../../offchain/adapters/chain/abi/stake-vault.ts";
import { fromHex } from "../../../offchain/core/bytes.ts";
import { domainSeparator, typedDigest, typeHash } from "../../../offchain/core/eip712.ts";
import { encodeAbi } from "../../../offchain/core/abi.ts";
import { addressOfKey, signDigest } from "../../../offchain/core/signature.ts";
import { NO_PROBE, PRODUCER_INPUT, ZERO_BYTES32 } from "../../../offchain/core/types.ts";
import { deployAssay, type Deployment } from "../../../scripts/deploy/deploy-assay.ts";
import { developmentSet, mainSet } from "../../../scripts/deploy/parameters.ts";

/** Odd, so that halves and shares have something to round. */
export const REWARD = 1_000_000_000_000_007n;
export const MINIMUM_STAKE = 1000n * REWARD;
export const EPOCH_SECONDS = 6 * 3600;
export const UNBONDING_SECONDS = 14 * 86_400;
export const SETS = [developmentSet, mainSet] as const;
export const PARAMS_VERSION = 1;
export const DEAD = "0x000000000000000000000000000000000000dead";

/** What everybody but the first worker, who is rich, has to spend. */
const PURSE = 500n * REWARD;
const TREASURE = 1_000_000n * REWARD;
const FUNDED_REQUESTERS = 3;
const START = Date.UTC(2030, 0, 1);
const GAS = toHex(12_000_000);

export type Contract = "hub" | "vault" | "token" | "registry";

/** How a transaction went: `error` names the custom error it was undone with. */
export type Sent = {
  readonly error: string | undefined;
  readonly gas: number;
  readonly time: number;
  readonly block: number;
};

type Rpc = (method: string, params?: readonly unknown[]) => Promise<unknown>;

const abis: Record<Contract, Abi> = {
  hub: [...assayHubAbi, ...stakeVaultAbi, ...blockSeedAbi].filter(
    // The hub passes on what vault and seeds revert with.
    (item, at) => at < assayHubAbi.length || item.type === "error",
  ),
  vault: stakeVaultAbi,
  token: devTokenAbi,
  registry: modelRegistryAbi,
};

/** A read of many views at once. */
export type Read = { readonly contract: Contract; readonly name: string; readonly args?: readonly unknown[] };

export class Arena {
  readonly #rpc: Rpc;
  readonly #client: PublicClient;
  readonly deployment: Deployment;
  readonly domain: Hex;
  /** Each worker's key is its owner, too: addresses by worker id - 1, lower case. */
  readonly workers: Hex[] = [];
  readonly #keys: Uint8Array[] = [];
  /** Who requests, lower case. The first one deployed it all. */
  readonly requesters: readonly Hex[];
  readonly #models = new Map<number, Hex>();
  time = 0;
  block = 0;

  private constructor(rpc: Rpc, client: PublicClient, deployment: Deployment, requesters: readonly Hex[]) {
    this.#rpc = rpc;
    this.deployment = deployment;
    this.#client = client;
    this.requesters = requesters;
    this.domain = domainSeparator({ chainId: 31337n, hub: deployment.hub });
  }

  /** A deployment without workers, its table not begun. */
  static async deploy(): Promise<Arena> {
    const connection = await network.create({
      network: "hardhatMainnet",
      // What many views answer comes back as the code of a contract, which is then large.
      override: { initialDate: new Date(START).toISOString(), allowUnlimitedContractSize: true },
    });
    let next = START / 1000;
    const rpc: Rpc = async (method, params = []) => {
      // Else a block's time, and with it every hash, would depend on how fast this machine is.
      if (method === "eth_sendTransaction" && next > 0)
        await connection.provider.request({ method: "evm_setNextBlockTimestamp", params: [++next] });
      return connection.provider.request({ method, params: [...params] });
    };
    const transport = custom({ request: async ({ method, params }) => rpc(method, params as readonly unknown[]) });
    const publicClient = createPublicClient({ chain: hardhat, transport, pollingInterval: 1 });
    const accounts = (await rpc("eth_accounts")) as Hex[];
    const requesters = accounts.slice(0, FUNDED_REQUESTERS).map((address) => address.toLowerCase() as Hex);
    const account = getAddress(accounts[0] ?? "0x");
    const walletClient = createWalletClient({ account, chain: hardhat, transport });
    const parameterOverrides = {
      minimumStake: MINIMUM_STAKE,
      unbondingSeconds: UNBONDING_SECONDS,
      epochSeconds: EPOCH_SECONDS,
      sets: [...SETS],
      treasury: getAddress(accounts[9] ?? "0x"),
    };
    const deployment = await deployAssay({ publicClient, walletClient, parameterOverrides });
    next = 0; // from here on `send` says when
    const arena = new Arena(rpc, publicClient, deployment, requesters);
    await arena.#look();
    const me = requesters[0] ?? "0x";
    await arena.must(me, "token", "mint", [me, TREASURE * 1000n]);
    await arena.must(me, "token", "approve", [deployment.vault, 2n ** 255n]);
    for (const who of requesters) await arena.#fund(who, TREASURE);
    return arena;
  }

  async #fund(who: Hex, amount: bigint): Promise<void> {
    const me = this.requesters[0] ?? "0x";
    await this.must(me, "token", "mint", [who, amount]);
    await this.must(who, "token", "approve", [this.deployment.hub, amount]);
    await this.must(who, "hub", "deposit", [amount]);
  }

  /** Adds workers, with the least stake and all the tickets it backs, until there are `count`. */
  async join(count: number): Promise<void> {
    const me = this.requesters[0] ?? "0x";
    while (this.workers.length < count) {
      const id = this.workers.length + 1;
      const key = fromHex(keccak256(toHex(`arena worker ${id}`)), 32);
      const address = addressOfKey(key);
      this.#keys.push(key);
      this.workers.push(address);
      await this.#rpc("hardhat_impersonateAccount", [address]);
      await this.#rpc("hardhat_setBalance", [address, toHex(10n ** 24n)]);
      const { r, vs } = signDigest(this.#registration(address), key);
      const word = toHex(id, { size: 32 });
      const profile = { transportId: word, sealKey: word, capabilities: 0n, expiry: 2 ** 40, endpoints: "" };
      await this.must(address, "vault", "register", [address, profile, r, vs]);
      await this.must(me, "vault", "stake", [id, MINIMUM_STAKE]);
      await this.must(address, "vault", "applyChanges", [[{ workerId: id, ticketClass: 0, add: 4, remove: [] }]]);
      await this.#fund(address, PURSE);
    }
  }

  #registration(owner: Hex): Uint8Array {
    const domainType = typeHash("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    const separator = keccak256(
      encodeAbi(
        ["bytes32", "bytes32", "bytes32", "uint256", "address"],
        [domainType, keccak256(toHex("Assay Vault")), keccak256(toHex("1")), 31337n, this.deployment.vault],
      ),
    );
    const struct = encodeAbi(["bytes32", "address"], [typeHash("Register(address owner)"), owner]);
    return typedDigest(separator, keccak256(struct));
  }

  /** A linear model of `stages` exact stages. */
  async model(stages: number): Promise<Hex> {
    const known = this.#models.get(stages);
    if (known !== undefined) return known;
    const manifest = {
      name: "arena",
      programRoot: keccak256(toHex(`program ${stages}`)),
      stages: Array.from({ length: stages }, (_, stage) => ({
        place: 0,
        inKind: 0,
        outKind: 0,
        probe: NO_PROBE,
        kernel: keccak256(toHex(`kernel ${stage}`)),
        keyId: ZERO_BYTES32,
        weightsX: ZERO_BYTES32,
        weightsY: ZERO_BYTES32,
        producers: [stage === 0 ? PRODUCER_INPUT : stage - 1],
      })),
      acceptedMasks: 2,
      workUnits: 1n,
      weightsHash: keccak256("0x01"),
      reportHash: keccak256("0x02"),
      toolsHash: keccak256("0x03"),
    };
    const [id] = (await this.read([{ contract: "registry", name: "idOf", args: [manifest] }])) as [Hex];
    await this.must(this.requesters[0] ?? "0x", "registry", "register", [manifest]);
    this.#models.set(stages, id);
    return id;
  }

  sign(workerId: number, digest: Uint8Array): { readonly r: Hex; readonly vs: Hex } {
    return signDigest(digest, this.#keys[workerId - 1] ?? new Uint8Array(32));
  }

  encode(contract: Contract, functionName: string, args: readonly unknown[]): Hex {
    return encodeFunctionData({ abi: abis[contract], functionName, args });
  }

  /** One transaction in the next block, a second later. */
  async send(from: Hex, contract: Contract, data: Hex): Promise<Sent> {
    await this.#rpc("evm_setNextBlockTimestamp", [this.time + 1]);
    let error: string | undefined;
    let gas = 0;
    try {
      const to = this.deployment[contract];
      const hash = await this.#rpc("eth_sendTransaction", [{ from, to, data, gas: GAS }]);
      const receipt = (await this.#rpc("eth_getTransactionReceipt", [hash])) as { readonly gasUsed: Hex };
      gas = Number(receipt.gasUsed);
    } catch (failure) {
      error = nameOf(failure, contract);
    }
    await this.#look();
    return { error, gas, time: this.time, block: this.block };
  }

  /** A transaction of the set-up, which cannot fail. */
  async must(from: Hex, contract: Contract, name: string, args: readonly unknown[]): Promise<Sent> {
    const sent = await this.send(from, contract, this.encode(contract, name, args));
    if (sent.error !== undefined) throw new TypeError(`${contract}.${name} failed: ${sent.error}`);
    return sent;
  }

  /** `blocks` empty blocks, a second each, the last of them `seconds` later. */
  async pass(seconds: number, blocks = 1): Promise<void> {
    const target = this.time + Math.max(seconds, blocks);
    for (let i = 1; i < blocks; i++) await this.#mineAt(this.time + i);
    await this.#mineAt(target);
    await this.#look();
  }

  async #mineAt(time: number): Promise<void> {
    await this.#rpc("evm_setNextBlockTimestamp", [time]);
    await this.#rpc("evm_mine");
  }

  async #look(): Promise<void> {
    const head = (await this.#rpc("eth_getBlockByNumber", ["latest", false])) as {
      readonly number: Hex;
      readonly timestamp: Hex;
    };
    this.time = Number(head.timestamp);
    this.block = Number(head.number);
  }

  /** Randomness, the one thing of the chain that no model predicts. */
  async blockHash(block: number): Promise<Hex> {
    const head = (await this.#rpc("eth_getBlockByNumber", [toHex(block), false])) as { readonly hash: Hex };
    return head.hash;
  }

  /** Many views in one call. */
  async read(reads: readonly Read[]): Promise<unknown[]> {
    const contracts = reads.map(({ contract, name, args = [] }) => ({
      address: this.deployment[contract],
      abi: abis[contract],
      functionName: name,
      args,
    }));
    return this.#client.multicall({ contracts, allowFailure: false, deployless: true, batchSize: 1_000_000 });
  }

  /** Storage words. */
  async words(at: readonly (readonly [Contract, Hex])[]): Promise<bigint[]> {
    return Promise.all(
      at.map(async ([contract, slot]) =>
        BigInt((await this.#rpc("eth_getStorageAt", [this.deployment[contract], slot, "latest"])) as Hex),
      ),
    );
  }

  async setWord(contract: Contract, slot: Hex, value: bigint): Promise<void> {
    await this.#rpc("hardhat_setStorageAt", [this.deployment[contract], slot, toHex(value, { size: 32 })]);
  }

  async snapshot(): Promise<() => Promise<void>> {
    let id = await this.#rpc("evm_snapshot");
    return async () => {
      await this.#rpc("evm_revert", [id]);
      id = await this.#rpc("evm_snapshot");
      await this.#look();
    };
  }
}

/** The name of the custom error behind a failed transaction; what is none of ours is thrown on. */
function nameOf(failure: unknown, contract: Contract): string {
  const data = revertData(failure);
  if (data === undefined) throw failure;
  return decodeErrorResult({ abi: abis[contract], data }).errorName;
}

function revertData(failure: unknown): Hex | undefined {
  for (let at: unknown = failure; typeof at === "object" && at !== null;) {
    const { data, cause } = at as { readonly data?: unknown; readonly cause?: unknown };
    if (typeof data === "string" && /^0x([0-9a-f]{2}){4,}$/.test(data)) return data as Hex;
    if (typeof data === "object" && data !== null && "data" in data && typeof data.data === "string")
      return data.data as Hex;
    at = cause;
  }
  return undefined;
}
