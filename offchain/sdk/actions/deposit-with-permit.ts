// SPDX-License-Identifier: MIT
import {
  erc20Abi,
  hashDomain,
  parseAbi,
  parseEventLogs,
  parseSignature,
  type Account,
  type Address,
  type Client,
  type Hex,
  type Log,
} from "viem";
import { getBlock, readContract, signTypedData, simulateContract, writeContract } from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import { toChainError } from "../../adapters/chain/decode-revert.ts";
import { checked } from "../checked.ts";
import { getDeployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";
import { accountOf, type TransactionHash, type WalletLike } from "../send.ts";

export interface DepositWithPermitParameters {
  readonly hub: Address;
  /** Token base units. */
  readonly amount: bigint;
  readonly account?: Account | Address | undefined;
  /** How long the permit may be used, chain time; 20 minutes by default. */
  readonly validSeconds?: number | undefined;
}
/** Hash of the deposit's transaction. */
export type DepositWithPermitReturnType = TransactionHash;

interface PermitDomain {
  readonly name: string;
  readonly version: string;
  readonly chainId: number;
  readonly verifyingContract: Address;
}

const permitAbi = parseAbi([
  "function DOMAIN_SEPARATOR() view returns (bytes32)",
  "function nonces(address owner) view returns (uint256)",
  "function eip712Domain() view returns (bytes1 fields, string name, string version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions)",
]);

const DOMAIN_TYPE = [
  { name: "name", type: "string" },
  { name: "version", type: "string" },
  { name: "chainId", type: "uint256" },
  { name: "verifyingContract", type: "address" },
] as const;

/**
 * Adds tokens to the account's free balance in one transaction: a signed ERC-2612 permit takes the place of the approval. The permit
 * covers this amount, this hub and twenty minutes; who sees it early can only spend it as the same approval.
 * Errors: ACCOUNT_MISSING; PERMIT_UNSUPPORTED before anything is signed; REVERTED with ERC20InsufficientBalance, TransferMismatch.
 *
 * @example
 * const hash = await depositWithPermit(wallet, { hub, amount: 10n ** 18n });
 */
export async function depositWithPermit(
  client: WalletLike,
  parameters: DepositWithPermitParameters,
): Promise<DepositWithPermitReturnType> {
  const call = await prepare(client, parameters);
  return checked("depositWithPermit", async () => writeContract(client, { ...call, chain: client.chain ?? null }));
}

/** Dry run: signs, and throws what the deposit would throw; sends nothing. */
depositWithPermit.call = async (client: WalletLike, parameters: DepositWithPermitParameters): Promise<void> => {
  const call = await prepare(client, parameters);
  await checked("depositWithPermit", async () => simulateContract(client, call));
};

/** The deposit's event in a transaction's logs. */
depositWithPermit.extractEvent = (logs: Log[]) => parseEventLogs({ abi: assayHubAbi, eventName: "Deposited", logs })[0];

/** Whether the hub's token takes permits that this client can sign. */
export async function canPermit(client: Client, hub: Address): Promise<boolean> {
  const { token, chainId } = await getDeployment(client, hub);
  return (await readDomain(client, token, chainId)) !== null;
}

async function prepare(client: WalletLike, parameters: DepositWithPermitParameters) {
  const { hub, amount } = parameters;
  const account = accountOf(client, parameters.account, "depositWithPermit");
  const { token, chainId } = await getDeployment(client, hub);
  const domain = await readDomain(client, token, chainId);
  if (domain === null) throw new SdkError("PERMIT_UNSUPPORTED", { token, why: "its EIP-712 domain cannot be read" });
  const [nonce, { timestamp }] = await checked("nonces", async () =>
    Promise.all([
      readContract(client, { address: token, abi: permitAbi, functionName: "nonces", args: [account.address] }),
      getBlock(client),
    ]),
  );
  const deadline = timestamp + BigInt(parameters.validSeconds ?? 1_200);
  const signature = await signTypedData(client, {
    account,
    domain,
    types: {
      Permit: [
        { name: "owner", type: "address" },
        { name: "spender", type: "address" },
        { name: "value", type: "uint256" },
        { name: "nonce", type: "uint256" },
        { name: "deadline", type: "uint256" },
      ],
    },
    primaryType: "Permit",
    message: { owner: account.address, spender: hub, value: amount, nonce, deadline },
  });
  const { r, s, yParity } = parseSignature(signature);
  return {
    address: hub,
    abi: assayHubAbi,
    functionName: "depositWithPermit",
    args: [amount, deadline, 27 + yParity, r, s],
    account,
  } as const;
}

/**
 * The token's permit domain, or null if it has none that can be told for sure: ERC-5267, else its name with version 1, and in both
 * cases only if it hashes to the token's own separator. A permit under a guessed domain would fail silently at the hub.
 */
async function readDomain(client: Client, token: Address, chainId: number): Promise<PermitDomain | null> {
  const separator = await readOr(async () =>
    readContract(client, { address: token, abi: permitAbi, functionName: "DOMAIN_SEPARATOR" }),
  );
  if (separator === null) return null;
  const told = await readOr(async () =>
    readContract(client, { address: token, abi: permitAbi, functionName: "eip712Domain" }),
  );
  const name =
    told?.[1] ??
    (await readOr(async () => readContract(client, { address: token, abi: erc20Abi, functionName: "name" })));
  const domain = { name: name ?? "", version: told?.[2] ?? "1", chainId, verifyingContract: token };
  return hashOf(domain) === separator.toLowerCase() ? domain : null;
}

const hashOf = (domain: PermitDomain): Hex =>
  hashDomain({ domain: { ...domain, chainId: BigInt(domain.chainId) }, types: { EIP712Domain: [...DOMAIN_TYPE] } });

/** Null where the token lacks the function. Error: RPC_UNAVAILABLE, which says nothing about the token. */
async function readOr<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    const known = toChainError(error, "permit", []);
    if (known.code === "RPC_UNAVAILABLE") throw known;
    return null;
  }
}
