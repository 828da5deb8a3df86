// SPDX-License-Identifier: GPL-3.0-or-later
// Enclaves' keys before the contracts: simulated TDs whose report data binds this chain and registry.
import { type Hex, toHex } from "viem";
import { addressOfKey } from "../../../offchain/core/signature.ts";
import { ZERO_ADDRESS } from "../../../offchain/core/types.ts";
import { keccakText } from "../../../offchain/core/tagged-hash.ts";
import { bindReportData, encodeRuntime, type EnclaveBinding } from "../../../offchain/core/enclave-binding.ts";
import { verifyEvidence } from "../../../offchain/engines/tee/verify.ts";
import { createIntelChain, keyOf, packed, rootIdOf, type IntelChainOptions } from "./intel-chain.ts";
import { NOW, REPORT, simulated } from "./simulated.ts";

export const MODEL = keccakText("model");
export const BUNDLE = keccakText("bundle");
export const SECRET = new Uint8Array(32).fill(7);
const ZERO: Hex = `0x${"0".repeat(64)}`;
/** What the listed image declares when it serves this model. */
export const runtimeOf = (modelId: Hex): Uint8Array =>
  encodeRuntime({ bundleDigest: BUNDLE, modelId, gpuDigest: ZERO, configDigest: keccakText("config") });

/** Collateral and one listed image; `roots` as `createIntelChain` takes them. */
export async function createEnclaveChain(options: Partial<IntelChainOptions> = {}) {
  const plain = simulated().attest("dcap-tdx-v4", REPORT);
  const { root } = packed(plain.evidence);
  const chain = await createIntelChain({ now: NOW, simulated: [rootIdOf(root)], ...options });
  const { viem, networkHelpers, client } = chain;
  const [timelock, workerWallet, strangerWallet] = await viem.getWalletClients();
  if (timelock === undefined || workerWallet === undefined || strangerWallet === undefined)
    throw new TypeError("the chain has no accounts");
  const images = await viem.deployContract("MeasurementRegistry", [timelock.account.address]);
  const enclaves = await viem.deployContract("EnclaveRegistry", [
    chain.collateral.address,
    chain.verifier.address,
    images.address,
    chain.roots.address,
    // No board: Intel's evidence needs none.
    ZERO_ADDRESS,
  ]);
  const worker = workerWallet.account.address;
  const chainId = BigInt(await client.getChainId());

  /** Lists the image of the plain platform. */
  async function listImage(): Promise<Hex> {
    await chain.show(packed(plain.evidence), plain.endorsements);
    const { measurementId } = verifyEvidence(plain.evidence, plain.endorsements, simulated().roots(["intel"]), NOW);
    await images.write.announce([measurementId, BUNDLE]);
    await networkHelpers.time.increase(48 * 3600);
    await images.write.list([measurementId]);
    return measurementId;
  }

  /** A binding to the newest block, and the quote over it, of the plain platform by default. `change` is bound, not shown. */
  async function bound(change: Partial<EnclaveBinding> = {}, runtime = runtimeOf(MODEL), platform = simulated()) {
    const { number, hash } = await client.getBlock();
    const binding: EnclaveBinding = {
      chainId,
      registry: enclaves.address,
      key: addressOfKey(SECRET),
      channelKey: keccakText("channel"),
      sealKey: keccakText("seal"),
      worker: `0x${worker.slice(2).toLowerCase().padStart(64, "0")}`,
      epoch: 1,
      challenge: hash,
      ...change,
    };
    const reportData = bindReportData(binding, runtime);
    const { evidence } = platform.attest("dcap-tdx-v4", { ...REPORT, reportData }, runtime);
    return { evidence, binding, challengeBlock: number };
  }

  type Bound = Awaited<ReturnType<typeof bound>>;
  const shown = ({ binding, challengeBlock }: Bound) => ({
    key: binding.key,
    channelKey: binding.channelKey,
    sealKey: binding.sealKey,
    worker,
    epoch: binding.epoch,
    challengeBlock,
  });
  const argumentsOf = (one: Bound) => {
    const quote = packed(one.evidence);
    return [toHex(quote.packed), keyOf(quote.pck), shown(one), toHex(one.evidence.runtime)] as const;
  };
  // Errors come from all of them.
  const errors = [chain.verifier, chain.collateral, images].flatMap(({ abi }) =>
    abi.filter(({ type }) => type === "error"),
  );
  const abi = [...enclaves.abi, ...errors] as typeof enclaves.abi;
  const call = { address: enclaves.address, abi } as const;
  const register = async (one: Bound): Promise<bigint> => {
    const hash = await workerWallet.writeContract({ ...call, functionName: "register", args: argumentsOf(one) });
    return (await client.getTransactionReceipt({ hash })).gasUsed;
  };
  const invalidateBy = (one: Bound) =>
    strangerWallet.writeContract({
      ...call,
      functionName: "invalidateBy",
      args: [
        one.binding.key,
        toHex(packed(one.evidence).packed),
        shown(one),
        one.binding.challenge,
        toHex(one.evidence.runtime),
      ],
    });
  return { ...chain, plain, images, enclaves, worker, workerWallet, listImage, bound, register, invalidateBy, chainId };
}

export type EnclaveChain = Awaited<ReturnType<typeof createEnclaveChain>>;
