// SPDX-License-Identifier: MIT
import type { JsonRpcApiProvider, Signer, TransactionRequest, TypedDataField } from "ethers";
import {
  HttpRequestError,
  createClient,
  custom,
  hexToBytes,
  publicActions,
  type Account,
  type Address,
  type Hex,
} from "viem";
import { parseAccount } from "viem/accounts";
import { assayPublicActions } from "../assay-public-actions.ts";
import type { AssayConfig } from "../assay-config.ts";
import { assayWalletActions } from "../assay-wallet-actions.ts";
import { SdkError } from "../errors.ts";
import type { AssayWallet } from "../node/connect.ts";

interface TypedData {
  readonly domain: Record<string, unknown>;
  readonly types: Record<string, TypedDataField[]>;
  readonly message: Record<string, unknown>;
}

/** ethers' names for an endpoint that does not answer, or not with JSON-RPC. */
const OUTAGES: ReadonlySet<string> = new Set(["NETWORK_ERROR", "SERVER_ERROR", "TIMEOUT"]);

/**
 * Assay's actions for an ethers 6 signer: it signs and sends, its provider reads. Nothing of ethers is bundled, and no key is read.
 * The signer needs a provider that speaks JSON-RPC (JsonRpcProvider, BrowserProvider, WebSocketProvider).
 * Errors: PROVIDER_UNFIT; ACCOUNT_OTHER; then what each action says, reverts with their Solidity names as with viem.
 *
 * @example
 * const assay = await fromEthers(await browserProvider.getSigner(), { hub, crypto });
 * const { jobId, output } = await assay.requestInferenceSync({ manifest, input, deposit: true });
 */
export async function fromEthers(signer: Signer, config: AssayConfig): Promise<AssayWallet> {
  const { provider } = signer;
  if (!speaksJsonRpc(provider)) throw new SdkError("PROVIDER_UNFIT", {});
  const account: Account = parseAccount((await signer.getAddress()) as Address);
  const request = async ({ method, params }: { readonly method: string; readonly params?: unknown }) => {
    const given = Array.isArray(params) ? (params as readonly unknown[]) : [];
    try {
      return await answer(signer, provider, method, given);
    } catch (error) {
      throw unwrap(error);
    }
  };
  // A retry is ethers' own business, and a transaction must never be sent twice.
  return createClient({
    account,
    transport: custom({ request }, { retryCount: 0 }),
    pollingInterval: config.pollMs ?? 1_000,
    cacheTime: 0,
  })
    .extend(publicActions)
    .extend(assayPublicActions(config))
    .extend(assayWalletActions(config));
}

/** Asks for signatures go to the signer, and only for its own address; everything else goes to its provider. */
async function answer(
  signer: Signer,
  provider: JsonRpcApiProvider,
  method: string,
  params: readonly unknown[],
): Promise<unknown> {
  const requireOwn = async (asked: unknown): Promise<void> => {
    const have = await signer.getAddress();
    if (String(asked).toLowerCase() !== have.toLowerCase())
      throw new SdkError("ACCOUNT_OTHER", { have, asked: String(asked) });
  };
  switch (method) {
    case "eth_accounts":
    case "eth_requestAccounts":
      return [await signer.getAddress()];
    case "eth_sendTransaction":
      await requireOwn((params[0] as TransactionRequest).from);
      return (await signer.sendTransaction(params[0] as TransactionRequest)).hash;
    case "eth_signTypedData_v4": {
      await requireOwn(params[0]);
      const { domain, types, message } = JSON.parse(params[1] as string) as TypedData;
      // ethers derives the domain's type and refuses to be told it.
      const { EIP712Domain: _, ...structs } = types;
      return signer.signTypedData(domain, structs, message);
    }
    case "personal_sign":
      await requireOwn(params[1]);
      return signer.signMessage(hexToBytes(params[0] as Hex));
    default:
      return provider.send(method, [...params]);
  }
}

function speaksJsonRpc(provider: Signer["provider"]): provider is JsonRpcApiProvider {
  return provider !== null && typeof Reflect.get(provider, "send") === "function";
}

/** What the node said stands inside ethers' errors: said again as it was, a revert keeps its data. No answer at all is an outage. */
function unwrap(error: unknown): unknown {
  if (typeof error !== "object" || error === null) return error;
  const info: unknown = Reflect.get(error, "info");
  const told: unknown = typeof info === "object" && info !== null ? Reflect.get(info, "error") : undefined;
  const said = typeof told === "object" && told !== null ? told : Reflect.get(error, "error");
  if (typeof said === "object" && said !== null && typeof Reflect.get(said, "code") === "number") return said;
  const code: unknown = Reflect.get(error, "code");
  const isOutage = typeof code === "string" && (OUTAGES.has(code) || "syscall" in error);
  // Its text may hold the endpoint's key, so none of it is passed on.
  return isOutage ? new HttpRequestError({ url: "", details: code }) : error;
}
