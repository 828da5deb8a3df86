// SPDX-License-Identifier: GPL-3.0-or-later
import { addStake } from "../adapters/chain/actions/add-stake.ts";
import { advanceEpoch } from "../adapters/chain/actions/advance-epoch.ts";
import { approveTokens } from "../adapters/chain/actions/approve-tokens.ts";
import { getEpoch } from "../adapters/chain/actions/get-epoch.ts";
import { getTicketsFor } from "../adapters/chain/actions/get-tickets-for.ts";
import { getWorker } from "../adapters/chain/actions/get-worker.ts";
import { getWorkerOf } from "../adapters/chain/actions/get-worker-of.ts";
import { registerWorker as register } from "../adapters/chain/actions/register-worker.ts";
import type { Chain } from "../adapters/chain/chain.ts";
import { ChainError } from "../adapters/chain/errors.ts";
import { encodeAbi } from "../core/abi.ts";
import { toHex } from "../core/bytes.ts";
import { typedDigest, typeHash } from "../core/eip712.ts";
import { domainHash, keccak256 } from "../core/keccak.ts";
import type { Signer } from "../core/ports/keys.ts";
import { unpackSignature } from "../core/signature.ts";
import type { Hex } from "../protocol/ports.ts";
import { changeTickets } from "./stake/change-tickets.ts";

export interface RegisterWorkerOptions {
  /** Connected with the owner's key: it pays, owns the stake and may be cold afterwards. */
  readonly chain: Chain;
  /** The worker's hot key: agrees to be signer of this owner's worker. */
  readonly operator: Pick<Signer, "address" | "signDigest">;
  readonly profile: {
    readonly transportId: Hex;
    readonly sealKey: Hex;
    readonly endpoints: string;
    readonly capabilities: bigint;
  };
  /** Tokens to stake, wei; 0 leaves the stake as it is. */
  readonly stake: bigint;
  readonly ticketClass: number;
  readonly validForSec: number;
  readonly onStep?: (step: "registered" | "staked" | "ticketed" | "started") => void;
}

const DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";

/** What the signer signs for `register`: without it a rival could seat itself under another's signer. */
export function registrationDigest(chainId: number, vault: Hex, owner: Hex): Uint8Array {
  const domainTypes = ["bytes32", "bytes32", "bytes32", "uint256", "address"] as const;
  const names = [toHex(domainHash("Assay Vault")), toHex(domainHash("1"))] as const;
  const domain = toHex(keccak256(encodeAbi(domainTypes, [typeHash(DOMAIN), ...names, BigInt(chainId), vault])));
  const struct = keccak256(encodeAbi(["bytes32", "address"], [typeHash("Register(address owner)"), owner]));
  return typedDigest(domain, toHex(struct));
}

/**
 * From nothing to seats: registers, stakes, takes all tickets the stake backs. Steps that are done are skipped, so it can be repeated
 * after any failure. Tickets count from the next table version (at once before the first). Errors: CHANGES_CLOSED (tickets only: come
 * back later), READ_ONLY, REVERTED, TRANSACTION_*.
 */
export async function registerWorker(options: RegisterWorkerOptions): Promise<{ readonly workerId: number }> {
  const { chain, operator, profile, stake, ticketClass, onStep } = options;
  const owner = chain.sender?.address;
  if (owner === undefined) throw new ChainError("READ_ONLY", { purpose: "register" });
  let workerId = await getWorkerOf(chain, { owner });
  if (workerId === 0) {
    const { r, vs } = unpackSignature(
      operator.signDigest(registrationDigest(chain.chainId, chain.contracts.vault, owner)),
    );
    const expiry = Math.floor(chain.clock.now() || Date.now() / 1000) + options.validForSec;
    await register(chain, { signer: operator.address, profile: { ...profile, expiry }, r, vs });
    workerId = await getWorkerOf(chain, { owner });
  }
  onStep?.("registered");
  if (stake > 0n) {
    await approveTokens(chain, { spender: chain.contracts.vault, amount: stake });
    await addStake(chain, { workerId, amount: stake });
  }
  onStep?.("staked");
  // A stake backs the tickets of all classes together.
  const { stake: staked, tickets: held } = await getWorker(chain, { workerId });
  const allowed = await getTicketsFor(chain, { stake: staked });
  if (allowed > held) await changeTickets(chain, [{ workerId, ticketClass, add: allowed - held, remove: [] }]);
  onStep?.("ticketed");
  return { workerId };
}

/** Starts the ticket table of a new deployment, once its first workers hold tickets. True if this call did it. */
export async function startTable(chain: Chain): Promise<boolean> {
  const [version] = await getEpoch(chain);
  if (version > 0) return false;
  await advanceEpoch(chain);
  return true;
}
