// SPDX-License-Identifier: GPL-3.0-or-later
import { getBeaconChain } from "../../adapters/chain/actions/get-beacon-chain.ts";
import { getBeaconState } from "../../adapters/chain/actions/get-beacon-state.ts";
import { getDuty } from "../../adapters/chain/actions/get-duty.ts";
import { getEpoch } from "../../adapters/chain/actions/get-epoch.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { listBeaconChains } from "../../adapters/chain/list-beacon-chains.ts";
import { listWorkerIds } from "../../adapters/chain/list-worker-ids.ts";
import type { KeyRing } from "../../core/ports/keys.ts";
import { ZERO_BYTES32 } from "../../core/types.ts";
import { fine, poor, type Finding } from "../finding.ts";
import { BeaconSecrets } from "./beacon-secrets.ts";
import { FEW_LINKS, hasWorkerBeacon } from "./serve-beacon.ts";

const START = "Start the worker: it registers one by itself. Do so before it takes tickets.";

/** Whether this worker could serve if it were drawn for duty, and how far its hash chain reaches. Errors: RPC_UNAVAILABLE. */
export async function checkBeacon(
  chain: Chain,
  keys: Pick<KeyRing, "prf" | "operator">,
  fromBlock: bigint,
): Promise<Finding> {
  if (!(await hasWorkerBeacon(chain))) return fine("seeds come from blocks: there is no duty");
  const [workerId] = await listWorkerIds(chain, { signer: keys.operator.address, fromBlock });
  if (workerId === undefined) return poor("no worker has this signer yet", "Register it with `assay stake add`.");
  const [{ head, next, from }, past, [version], [serving]] = await Promise.all([
    getBeaconChain(chain, { workerId }),
    listBeaconChains(chain, { workerId, fromBlock }),
    getEpoch(chain),
    getBeaconState(chain),
  ]);
  const versions = [...new Set(past.map((one) => one.from))];
  const secrets = new BeaconSecrets({ beacon: chain.contracts.randomness, workerId }, keys);
  const { workers } = await getDuty(chain, { version: serving });
  const duty = workers.includes(workerId) ? `on duty in version ${serving}` : "not on duty";
  const current = from !== 0 && from <= version ? next : head;
  if (current === ZERO_BYTES32) {
    if (from === 0) return poor("no hash chain is registered: who is drawn without one is fined", START);
    return fine(`a hash chain serves from version ${from} on`);
  }
  const link = secrets.find(current, versions);
  if (link === null)
    return poor(
      "the registered hash chain was made with other keys, or is used up",
      "Start the worker: it registers one.",
    );
  if (link.left < FEW_LINKS && from <= version)
    return poor(`${link.left} links are left`, "Start the worker: it registers a new chain.");
  return fine(`${duty}, ${link.left} links left`);
}
