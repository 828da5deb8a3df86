// SPDX-License-Identifier: MIT
import { decodeFunctionData, parseEventLogs, type Address, type Client, type Hex } from "viem";
import { getLogs, getTransaction } from "viem/actions";
import type { EnclavedTally } from "../../core/receipt.ts";
import { enclaveRegistryAbi } from "./abi/enclave-registry.ts";
import { intelCollateralAbi } from "./abi/intel-collateral.ts";

/** A registration by quote, and where what it rested on was brought. */
export interface RegisteredQuote {
  readonly collateral: Address;
  readonly blockNumber: bigint;
  readonly pckId: Hex;
  /** As `IDcapVerifier` takes it. */
  readonly quote: Hex;
}

/** Of `CollateralUpdated`. */
const KINDS = { sgx: { tcb: 0, identity: 2 }, tdx: { tcb: 1, identity: 3 } } as const;
/** Its fifth byte tells a TDX quote. */
const isTdx = (quote: Hex): boolean => quote.slice(10, 12) === "81";

/** The packed quote of a registration's own transaction; null if it came otherwise. Errors are the client's. */
export async function readQuote(client: Client, hash: Hex): Promise<Hex | null> {
  const call = decode(enclaveRegistryAbi, await readInput(client, hash));
  return call?.functionName === "register" ? call.args[0] : null;
}

/** The newest of everything that the registration's platform needed, up to its block; null where a call went through another contract. */
export async function readEndorsement(
  client: Client,
  { collateral, blockNumber, pckId, quote, fromBlock }: RegisteredQuote & { readonly fromBlock: bigint },
): Promise<EnclavedTally["endorsement"] | null> {
  const logs = await getLogs(client, { address: collateral, fromBlock, toBlock: blockNumber });
  const events = parseEventLogs({ abi: intelCollateralAbi, logs, strict: true }).toReversed();
  const pck = events.find((one) => one.eventName === "PckRegistered" && one.args.pckId === pckId);
  if (pck?.eventName !== "PckRegistered") return null;
  const { issuer: caKey, fmspc } = pck.args;
  const authority = (key: Hex) => events.find((one) => one.eventName === "AuthorityRegistered" && one.args.key === key);
  const ca = authority(caKey);
  if (ca?.eventName !== "AuthorityRegistered") return null;
  const rootKey = ca.args.issuer;
  const list = (issuer: Hex) => events.find((one) => one.eventName === "ListUpdated" && one.args.issuer === issuer);
  const kinds = KINDS[isTdx(quote) ? "tdx" : "sgx"];
  const argsOf = async (
    event: { readonly transactionHash: Hex } | undefined,
    name: string,
  ): Promise<readonly Hex[] | null> => {
    // prettier-ignore
    if (event === undefined) return null;
    const call = decode(intelCollateralAbi, await readInput(client, event.transactionHash));
    return call?.functionName === name ? (call.args as readonly Hex[]) : null;
  };
  /** The newest text that a signer under the platform's own root signed: a development chain may know several roots. */
  const textOf = async (kind: number, name: string, fits: (of: Hex) => boolean): Promise<readonly Hex[] | null> => {
    for (const one of events) {
      if (one.eventName !== "CollateralUpdated" || one.args.kind !== kind || !fits(one.args.fmspc)) continue;
      const call = await argsOf(one, name);
      const signer = call === null ? undefined : authority(call[3] ?? "0x");
      if (call === null || (signer?.eventName === "AuthorityRegistered" && signer.args.issuer === rootKey)) return call;
    }
    return null;
  };
  const root = events.find((one) => one.eventName === "RootRegistered" && one.args.key === rootKey);
  const [pckCall, caCall, rootCall, rootList, caList, tcbCall, identityCall] = await Promise.all([
    argsOf(pck, "registerPck"),
    argsOf(ca, "registerAuthority"),
    argsOf(root, "registerRoot"),
    argsOf(list(rootKey), "submitCrl"),
    argsOf(list(caKey), "submitCrl"),
    textOf(kinds.tcb, "submitTcbInfo", (of) => of === fmspc),
    textOf(kinds.identity, "submitIdentity", () => true),
  ]);
  const [tcbSigner, identitySigner] = await Promise.all([
    argsOf(authority(tcbCall?.[3] ?? "0x"), "registerAuthority"),
    argsOf(authority(identityCall?.[3] ?? "0x"), "registerAuthority"),
  ]);
  const all = [pckCall, caCall, rootCall, rootList, caList, tcbSigner, tcbCall, identitySigner, identityCall];
  if (all.includes(null)) return null;
  const first = (call: readonly Hex[] | null): Hex => call?.[0] ?? "0x";
  const signature = (call: readonly Hex[] | null): Hex =>
    `0x${(call?.[1] ?? "").slice(2)}${(call?.[2] ?? "").slice(2)}`;
  return {
    pck: first(pckCall),
    ca: first(caCall),
    root: first(rootCall),
    rootCrl: first(rootList),
    caCrl: first(caList),
    tcbSigner: first(tcbSigner),
    tcbInfo: first(tcbCall),
    tcbInfoSignature: signature(tcbCall),
    identitySigner: first(identitySigner),
    identity: first(identityCall),
    identitySignature: signature(identityCall),
  };
}

const readInput = async (client: Client, hash: Hex): Promise<Hex> => (await getTransaction(client, { hash })).input;

/** A direct call, or null: through another contract its arguments are not in the transaction. */
function decode<A extends typeof enclaveRegistryAbi | typeof intelCollateralAbi>(abi: A, data: Hex) {
  try {
    return decodeFunctionData({ abi, data });
  } catch {
    return null;
  }
}
