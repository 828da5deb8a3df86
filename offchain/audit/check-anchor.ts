// SPDX-License-Identifier: GPL-3.0-or-later
import { createChain } from "../adapters/chain/create-chain.ts";
import { getSigners } from "../adapters/chain/actions/get-signers.ts";
import { verifyResult } from "../adapters/chain/actions/verify-result.ts";
import { systemClock } from "../adapters/observe/system-clock.ts";
import type { Check } from "../core/check.ts";
import { isAssayError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Receipt } from "../core/receipt.ts";

const none = (): void => {};
const silent: Logger = { debug: none, info: none, warn: none, error: none, child: () => silent };

/** Whether the chain agrees: the hub knows this end, and the vault these signing addresses. */
export async function checkAnchor(receipt: Receipt, rpcUrl: string): Promise<readonly Check[]> {
  const checks: Check[] = [];
  try {
    const chain = await createChain(
      { rpcUrl, chainId: Number(receipt.chainId), hub: receipt.hub },
      { clock: systemClock, random: Math.random, signal: new AbortController().signal, logger: silent },
    );
    if (receipt.reason === 0) {
      const { jobId, outDigest, recordHash } = receipt;
      const known = await verifyResult(chain, { jobId, outDigest, recordHash });
      checks.push({
        name: "chain result",
        ok: known,
        detail: known ? "the hub holds this result and record" : "the hub holds another result, or none",
      });
    }
    const ids = [...new Set(receipt.record.tallies.flatMap(({ seats }) => seats))];
    const signers = await getSigners(chain, { workerIds: ids });
    const byId = new Map(ids.map((id, index) => [id, (signers[index] ?? "").toLowerCase()]));
    const strange = receipt.record.tallies.flatMap(({ seats }, t) =>
      seats.filter((id, i) => {
        const signer = receipt.committees[t]?.seats[i]?.signer ?? "0x0";
        return BigInt(signer) !== 0n && signer.toLowerCase() !== byId.get(id);
      }),
    );
    checks.push({
      name: "chain signers",
      ok: strange.length === 0,
      detail:
        strange.length === 0 ? "every seat signs as the vault says" : `worker ${strange[0]} signs as somebody else`,
    });
  } catch (error) {
    if (!isAssayError(error)) throw error;
    checks.push({ name: "chain", ok: false, detail: `${error.code}: ${error.message}` });
  }
  return checks;
}
