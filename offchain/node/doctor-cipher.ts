// SPDX-License-Identifier: GPL-3.0-or-later
import type { Chain } from "../adapters/chain/chain.ts";
import { getGasMoney } from "../adapters/chain/actions/get-gas-money.ts";
import { getGasPrice } from "../adapters/chain/actions/get-gas-price.ts";
import { getReferee } from "../adapters/chain/actions/get-referee.ts";
import { getTokenBalance } from "../adapters/chain/actions/get-token-balance.ts";
import { listProfiles } from "../adapters/chain/list-profiles.ts";
import { listWorkerIds } from "../adapters/chain/list-worker-ids.ts";
import { capabilityBits, capabilityNames } from "../core/capabilities.ts";
import { innerFolders } from "../engines/she/model/folders.ts";
import { GAME_GAS } from "../protocol/bond-purse.ts";
import { bondLimitOf } from "./cipher/bond-limit.ts";
import { fine, poor, type Finding } from "./finding.ts";
import type { NodeConfig } from "./settings.ts";

export interface CipherFacts {
  /** Names of the models over ciphertexts that this worker serves. */
  readonly models: readonly string[];
  readonly hasReferee: boolean;
  /** As published; null: the worker is not registered. */
  readonly capabilities: bigint | null;
  /** The most that may be at stake, wei. */
  readonly limit: bigint;
  /** Of the operator's account, wei of the token. */
  readonly tokens: bigint;
  /** Of the operator's account, and what a unit of gas costs, wei of the chain's coin. */
  readonly gasMoney: bigint;
  readonly gasPrice: bigint;
}

/** Whether who serves ciphertexts says so, and can play for its votes: the first thing to repair. Pure. */
export function judgeCiphers(facts: CipherFacts): Finding {
  const { models, hasReferee, capabilities, limit, tokens, gasMoney, gasPrice } = facts;
  if (models.length === 0) return fine("no model over ciphertexts");
  const names = models.join(", ");
  if (!hasReferee) return fine(`${names}; no jobs yet: the deployment has no referee`);
  if (capabilities !== null && (capabilities & capabilityBits(["cipher"])) === 0n) {
    const wanted = [...capabilityNames(capabilities), "cipher"].join(",");
    return poor(
      `${names}, but the record does not say so`,
      `Publish it: \`assay stake add --capabilities ${wanted}\`.`,
    );
  }
  if (limit === 0n)
    return poor("games are off: whoever stands for a wrong digest is not contested", "Remove referee.bondLimit.");
  if (tokens === 0n)
    return poor("no tokens for bonds", "Send the operator's account three seat stakes or more of the jobs served.");
  if (gasMoney < GAME_GAS * gasPrice)
    return poor(`${gasMoney} wei do not pay for one game`, "Send the operator's account gas money.");
  return fine(`${names}; ${tokens} for bonds`);
}

/** Names of the models over ciphertexts in a worker's model folders. Errors: those of `loadCipherModel`. */
export async function cipherNames(folders: readonly string[]): Promise<readonly string[]> {
  const names: string[] = [];
  for (const folder of folders) {
    const { isCipherFolder, loadCipherModel } = await import("../engines/she/model/load-cipher-model.ts");
    for (const own of (await isCipherFolder(folder)) ? [folder] : innerFolders(folder))
      names.push((await loadCipherModel(own)).manifest.model.name);
  }
  return names;
}

/** Errors: RPC_UNAVAILABLE, those of `cipherNames`. */
export async function cipherFacts(chain: Chain, operator: `0x${string}`, config: NodeConfig): Promise<CipherFacts> {
  const models = await cipherNames(config.work.models);
  const fromBlock = BigInt(config.chain.fromBlock);
  const [workerId] = await listWorkerIds(chain, { signer: operator, fromBlock });
  const [referee, tokens, gasMoney, gasPrice, profiles] = await Promise.all([
    getReferee(chain),
    getTokenBalance(chain, { account: operator }),
    getGasMoney(chain, { account: operator }),
    getGasPrice(chain),
    workerId === undefined ? [] : listProfiles(chain, { workerIds: [workerId], fromBlock }),
  ]);
  const capabilities = profiles[0]?.profile.capabilities ?? null;
  return { models, hasReferee: referee !== null, capabilities, limit: bondLimitOf(config), tokens, gasMoney, gasPrice };
}
