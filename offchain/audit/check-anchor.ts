// SPDX-License-Identifier: GPL-3.0-or-later
import type { Chain } from "../adapters/chain/chain.ts";
import { createChain } from "../adapters/chain/create-chain.ts";
import { getSigners } from "../adapters/chain/actions/get-signers.ts";
import { getSlot } from "../adapters/chain/actions/get-slot.ts";
import { verifyResult } from "../adapters/chain/actions/verify-result.ts";
import { silentLogger } from "../adapters/observe/silent-logger.ts";
import { systemClock } from "../adapters/observe/system-clock.ts";
import type { Hex } from "../core/bytes.ts";
import type { Check } from "../core/check.ts";
import { isAssayError } from "../core/errors.ts";
import type { Receipt } from "../core/receipt.ts";
import { isPaired } from "../core/replay-record.ts";
import { REASON_CANCELLED, STATE_CLOSED } from "../core/types.ts";
import type { ReceiptExpectation } from "../core/verify-receipt.ts";
import { checkRegistrationAnchor } from "./check-registration.ts";
import { checkScheduleAnchor } from "./check-schedule-anchor.ts";
import { readPairEnclaves } from "./read-pair-enclaves.ts";

export interface Anchor {
  readonly checks: readonly Check[];
  /** Of critical jobs: what the registry knows of the keys that signed. */
  readonly enclaves: ReceiptExpectation["enclaves"] | undefined;
}

/** The check that makes `recordHash` the chain's own word. */
export const ANCHORED = "chain result";

/** Three tries of it stay below 15 s. */
const REQUEST_TIMEOUT_MS = 4_000;

/** Digits of the record's hash that a hub keeps of a closed job: 192 bits. */
const KEPT = 2 + 48;

/** Whether the hub ended this job so, with this record. */
async function isKnown(chain: Chain, receipt: Receipt): Promise<boolean> {
  const { jobId, outDigest, recordHash, reason } = receipt;
  if (reason === 0) return verifyResult(chain, { jobId, outDigest, recordHash });
  const { state, stage, word } = await getSlot(chain, { jobId });
  // `stage` of an ended job is its reason. A cancelled job never had a record.
  if (state !== STATE_CLOSED || stage !== reason) return false;
  return reason === REASON_CANCELLED || word.slice(0, KEPT) === recordHash.slice(0, KEPT);
}

/**
 * Whether the chain agrees: the hub knows this end and this record, the vault these signing addresses, the registry these enclaves. `hub`
 * is the one that the auditor believes in: a forger's own contract would confirm anything.
 * Errors: RPC_UNAVAILABLE, RPC_REJECTED when the endpoint gives no answer.
 */
export async function checkAnchor(receipt: Receipt, rpcUrl: string, hub: Hex | undefined): Promise<Anchor> {
  let enclaves: Anchor["enclaves"];
  const checks: Check[] = [
    {
      name: "chain hub",
      ok: hub !== undefined && hub.toLowerCase() === receipt.hub.toLowerCase(),
      detail:
        hub === undefined
          ? "the receipt names its own hub, which proves nothing: say which hub you believe in"
          : "it is the hub that was given",
    },
  ];
  if (!checks.every(({ ok }) => ok)) return { checks, enclaves };
  try {
    const chain = await createChain(
      { rpcUrl, chainId: Number(receipt.chainId), hub: receipt.hub, requestTimeoutMs: REQUEST_TIMEOUT_MS },
      { clock: systemClock, random: Math.random, signal: new AbortController().signal, logger: silentLogger },
    );
    const known = await isKnown(chain, receipt);
    checks.push({
      name: ANCHORED,
      ok: known,
      detail: known ? "the hub holds this end and record" : "the hub holds another end or record, or none",
    });
    if (isPaired(receipt.job.spec.policy.mask)) enclaves = await readPairEnclaves(chain, receipt);
    const { record, schedule } = receipt;
    const planned = schedule.flatMap(({ candidates }) => candidates.map(({ workerId }) => workerId));
    const ids = [...new Set([...record.tallies.flatMap(({ seats }) => seats), ...planned])];
    const signers = await getSigners(chain, { workerIds: ids });
    const byId = new Map(ids.map((id, index) => [id, (signers[index] ?? "").toLowerCase()]));
    const strange = record.tallies.flatMap(({ seats }, t) =>
      seats.filter((id, i) => {
        const signer = receipt.committees[t]?.seats[i]?.signer ?? "0x0";
        return BigInt(signer) !== 0n && signer.toLowerCase() !== byId.get(id);
      }),
    );
    for (const { tally, worker } of receipt.proofs) {
      const [prover] = record.tallies[tally]?.seats ?? [];
      if (prover !== undefined && worker.toLowerCase() !== byId.get(prover)) strange.push(prover);
    }
    checks.push({
      name: "chain signers",
      ok: strange.length === 0,
      detail:
        strange.length === 0 ? "every seat signs as the vault says" : `worker ${strange[0]} signs as somebody else`,
    });
    checks.push(...(await checkScheduleAnchor(chain, receipt, byId)));
    checks.push(...(await checkRegistrationAnchor(chain, receipt)));
  } catch (error) {
    // A chain that does not answer says nothing about the receipt.
    if (!isAssayError(error) || error.retry !== "never") throw error;
    checks.push({ name: "chain", ok: false, detail: `${error.code}: ${error.message}` });
  }
  return { checks, enclaves };
}
