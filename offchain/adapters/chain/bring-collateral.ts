// SPDX-License-Identifier: MIT
import { parseEventLogs, type ContractFunctionArgs, type ContractFunctionName, type Hex } from "viem";
import { isAssayError } from "../../core/errors.ts";
import { intelCollateralAbi } from "./abi/intel-collateral.ts";
import { writeContract, type Chain } from "./chain.ts";
import type { EnclaveContracts } from "./enclave-contracts.ts";

/** A certificate, and how the chain names its key: keccak256 of the coordinates. */
export interface KeyedCertificate {
  readonly key: Hex;
  readonly der: Hex;
}
export interface SignedText {
  /** UTF-8, as it was signed. */
  readonly text: Hex;
  readonly r: Hex;
  readonly s: Hex;
}
/** All that an Intel platform's quotes rest on. */
export interface IntelSet {
  readonly root: KeyedCertificate;
  readonly ca: KeyedCertificate;
  readonly pck: KeyedCertificate;
  readonly signer: KeyedCertificate;
  readonly rootCrl: Hex;
  readonly caCrl: Hex;
  readonly tcbInfo: SignedText;
  readonly identity: SignedText;
}

type Name = ContractFunctionName<typeof intelCollateralAbi, "nonpayable">;

/** New serials of a list that one transaction enters: some 4.4 M gas. */
const SERIALS = 200n;

/**
 * Brings to the chain what it does not know of this set yet; what it knows as new or newer is left. Each step is dry-run first.
 * Returns the calls that were sent. Errors: REVERTED (the chain refuses a part), READ_ONLY, RPC_UNAVAILABLE, TRANSACTION_*.
 */
export async function bringCollateral(
  chain: Chain,
  {
    contracts,
    set,
    onStep,
  }: {
    readonly contracts: EnclaveContracts;
    readonly set: IntelSet;
    readonly onStep?: (call: string) => void;
  },
): Promise<readonly string[]> {
  const sent: string[] = [];
  /** False where the chain has the same or newer. */
  const bring = async <N extends Name>(
    functionName: N,
    args: ContractFunctionArgs<typeof intelCollateralAbi, "nonpayable", N>,
  ) => {
    onStep?.(functionName);
    const call = { address: contracts.collateral, abi: intelCollateralAbi, functionName, args };
    try {
      const receipt = await writeContract<typeof intelCollateralAbi, N>(chain, call);
      sent.push(functionName);
      return receipt;
    } catch (error) {
      if (isAssayError(error) && error.code === "REVERTED" && error.meta["name"] === "NotNewer") return null;
      throw error;
    }
  };
  const bringList = async (der: Hex, issuer: Hex): Promise<void> => {
    // Each part enters at least one new serial, or completes the list.
    for (let pending = true; pending;) {
      const receipt = await bring("submitCrl", [der, issuer, SERIALS]);
      const logs = receipt?.logs ?? [];
      pending = parseEventLogs({ abi: intelCollateralAbi, eventName: "ListPending", logs }).length > 0;
    }
  };
  const { root, ca, pck, signer, tcbInfo, identity } = set;
  await bring("registerRoot", [root.der]);
  await bringList(set.rootCrl, root.key);
  await bring("registerAuthority", [ca.der, root.key]);
  await bringList(set.caCrl, ca.key);
  await bring("registerPck", [pck.der, ca.key]);
  await bring("registerAuthority", [signer.der, root.key]);
  await bring("submitTcbInfo", [tcbInfo.text, tcbInfo.r, tcbInfo.s, signer.key]);
  await bring("submitIdentity", [identity.text, identity.r, identity.s, signer.key]);
  return sent;
}
