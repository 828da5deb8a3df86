// SPDX-License-Identifier: GPL-3.0-or-later
// Intel's collateral and quotes before the contracts, on an in-process chain.
import { network } from "hardhat";
import { BaseError, ContractFunctionRevertedError, type Hex, keccak256, toHex } from "viem";
import { packQuote, type PackedQuote } from "../../../offchain/engines/tee/dcap/pack.ts";
import { readCertificate } from "../../../offchain/engines/tee/bytes/certificate.ts";
import { readPem } from "../../../offchain/engines/tee/bytes/pem.ts";
import type { Endorsements, Evidence, IntelCollateral } from "../../../offchain/engines/tee/verdict.ts";

export const NO_LIMIT = 10_000n;

/** keccak256 of the key's coordinates: how the chain names it. */
export function keyOf(der: Uint8Array): Hex {
  const { x = "", y = "" } = readCertificate(der).key.export({ format: "jwk" });
  return keccak256(Buffer.concat([Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]));
}

export const rootIdOf = (der: Uint8Array): Hex => `0x${readCertificate(der).spkiHash}`;

/** Name of the error that a call reverted with; undefined if it did not revert. */
export async function revertOf(call: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    const cause =
      error instanceof BaseError ? error.walk((e) => e instanceof ContractFunctionRevertedError) : undefined;
    if (cause instanceof ContractFunctionRevertedError) return cause.data?.errorName ?? `undecoded ${cause.raw}`;
    throw error;
  }
}

export interface IntelChainOptions {
  /** Unix seconds of the first block. */
  readonly now: bigint;
  /** Roots of development platforms. */
  readonly simulated?: readonly Hex[];
  readonly chainId?: number;
  readonly hardfork?: "prague" | "osaka";
}

export async function createIntelChain({ now, simulated = [], chainId, hardfork }: IntelChainOptions) {
  const { viem, networkHelpers } = await network.create({
    network: "hardhatMainnet",
    override: {
      initialDate: new Date(Number(now) * 1000),
      allowBlocksWithSameTimestamp: true,
      ...(chainId === undefined ? {} : { chainId }),
      ...(hardfork === undefined ? {} : { hardfork }),
    },
  });
  const roots = await viem.deployContract("TrustRoots", [simulated]);
  const collateral = await viem.deployContract("IntelCollateral", [roots.address]);
  const verifier = await viem.deployContract("DcapVerifier", [collateral.address]);
  const client = await viem.getPublicClient();

  /** Gas of each step, by name. */
  const gas = new Map<string, bigint>();
  const spend = async (name: string, sent: Promise<Hex>): Promise<void> => {
    const { gasUsed } = await client.getTransactionReceipt({ hash: await sent });
    gas.set(name, gasUsed);
  };
  const split = (signature: Uint8Array): [Hex, Hex] => [toHex(signature.slice(0, 32)), toHex(signature.slice(32))];

  /** Everything that a quote rests on, in the order in which it can be shown. Reverts as the contracts do. */
  async function show({ pck, ca, root }: PackedQuote, all: Endorsements): Promise<void> {
    const [rootKey, caKey] = [keyOf(root), keyOf(ca)];
    await spend("registerRoot", collateral.write.registerRoot([toHex(root)]));
    const lists = all.kind === "intel";
    if (lists)
      await spend("submitCrl of the root", collateral.write.submitCrl([toHex(all.rootCrl), rootKey, NO_LIMIT]));
    await spend("registerCa", collateral.write.registerAuthority([toHex(ca), rootKey]));
    if (lists) await spend("submitCrl of the CA", collateral.write.submitCrl([toHex(all.pckCrl), caKey, NO_LIMIT]));
    await spend("registerPck", collateral.write.registerPck([toHex(pck), caKey]));
    if (!lists) return;
    const [signer = new Uint8Array()] = readPem(all.tcbInfoChain);
    await spend("registerSigner", collateral.write.registerAuthority([toHex(signer), rootKey]));
    await showTexts(all, keyOf(signer));
  }

  async function showTexts(all: IntelCollateral, signer: Hex): Promise<void> {
    const [tcb, qe] = [split(all.tcbInfoSignature), split(all.qeIdentitySignature)];
    await spend("submitTcbInfo", collateral.write.submitTcbInfo([toHex(all.tcbInfo), ...tcb, signer]));
    await spend("submitIdentity", collateral.write.submitIdentity([toHex(all.qeIdentity), ...qe, signer]));
  }

  /** Errors come from either contract. */
  const abi = [...verifier.abi, ...collateral.abi.filter(({ type }) => type === "error")] as typeof verifier.abi;
  const verify = (quote: PackedQuote) =>
    client.readContract({
      address: verifier.address,
      abi,
      functionName: "verify",
      args: [toHex(quote.packed), keyOf(quote.pck)],
    });
  /** As a transaction of its own: what verification costs without anything around it. */
  const verifyGas = (quote: PackedQuote) =>
    client.estimateContractGas({
      address: verifier.address,
      abi: verifier.abi,
      functionName: "verify",
      args: [toHex(quote.packed), keyOf(quote.pck)],
    });

  return { viem, networkHelpers, client, roots, collateral, verifier, show, showTexts, verify, verifyGas, gas };
}

export type IntelChain = Awaited<ReturnType<typeof createIntelChain>>;

export const packed = (evidence: Evidence): PackedQuote => packQuote(evidence);
