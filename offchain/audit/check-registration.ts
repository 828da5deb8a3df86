// SPDX-License-Identifier: GPL-3.0-or-later
import type { Chain } from "../adapters/chain/chain.ts";
import { readEnclaveParts, type EnclaveParts } from "../adapters/chain/enclave-contracts.ts";
import { listRegistrations, registrationTime, type EnclaveRegistration } from "../adapters/chain/list-registrations.ts";
import { familyOf, INTEL } from "../adapters/chain/read-enclaves.ts";
import { readCase } from "../adapters/chain/verdict-board.ts";
import { fromHex } from "../core/bytes.ts";
import type { Check } from "../core/check.ts";
import type { EnclavedTally, Receipt } from "../core/receipt.ts";
import { enclavedSigner } from "../core/verify-enclaves.ts";
import { caseHash } from "../engines/tee/board.ts";

type Pairs = readonly (readonly [string, unknown, unknown])[];

/** The registration is by this case, and the case showed these bytes then: that its verdict stood the registry made sure of. */
async function boardPairs(
  chain: Chain,
  { board }: EnclaveParts,
  found: EnclaveRegistration,
  shown: EnclavedTally["board"][number],
): Promise<Pairs> {
  const { vendor, caseId, openedAt, evidence, endorsements } = shown;
  const own = BigInt(found.origin);
  const { evidenceHash, ...known } = await readCase(chain, board, own);
  return [
    ["board", board.toLowerCase(), shown.board.toLowerCase()],
    ["case", own, caseId],
    ["vendor", known.vendor, vendor],
    ["time of its case", known.openedAt, openedAt],
    ["evidence", evidenceHash, caseHash(vendor, fromHex(evidence), fromHex(endorsements))],
  ];
}

/**
 * How a receipt's enclave differs from the registry that the hub's judge asks; undefined if it does not. `timeOf`: a block's time, Unix seconds.
 * Errors: RPC_UNAVAILABLE, RPC_REJECTED, REVERTED.
 */
export async function registrationFailure(
  chain: Chain,
  parts: EnclaveParts,
  receipt: Receipt,
  one: EnclavedTally,
  timeOf: (found: EnclaveRegistration) => Promise<number>,
): Promise<string | undefined> {
  if (one.registry.toLowerCase() !== parts.enclaves.toLowerCase())
    return `the hub's judge asks registry ${parts.enclaves}`;
  const all = await listRegistrations(chain, { contracts: parts, key: one.key, fromBlock: 0n });
  const found = all.find(({ binding }) => binding.epoch === one.epoch);
  if (found === undefined) return `the registry never took key ${one.key} for epoch ${one.epoch}`;
  const { binding } = found;
  const [shown] = one.board;
  const byVerdict = familyOf(found.vendor) !== INTEL;
  const pairs: Pairs = [
    ["worker", binding.worker.toLowerCase(), enclavedSigner(receipt, one).toLowerCase()],
    ["model", found.modelId, receipt.job.spec.modelId],
    ["channel key", binding.channelKey, one.channelKey],
    ["seal key", binding.sealKey, one.sealKey],
    ["challenge", found.challenge, one.challenge],
    ["runtime", found.runtime, one.runtime],
    ["mark of simulation", found.simulated, one.simulated],
    ["time", await timeOf(found), one.registeredAt],
    ["form of evidence", byVerdict, shown !== undefined],
    ...(shown === undefined || !byVerdict ? [] : await boardPairs(chain, parts, found, shown)),
  ];
  const differs = pairs.find(([, have, said]) => have !== said);
  return differs === undefined ? undefined : `the registry has another ${differs[0]}: ${String(differs[1])}`;
}

/**
 * Whether the registrations that a receipt shows are the registry's own: of Intel's, what their quotes bound; of others, the case whose verdict
 * made them, and the bytes that it showed. Errors: RPC_UNAVAILABLE, RPC_REJECTED, REVERTED.
 */
export async function checkRegistrationAnchor(chain: Chain, receipt: Receipt): Promise<readonly Check[]> {
  const { enclaves } = receipt;
  if (enclaves.length === 0) return [];
  const name = "chain registrations";
  const parts = await readEnclaveParts(chain);
  if (parts === null) return [{ name, ok: false, detail: "the hub's router has no judge of enclaves" }];
  const timeOf = async (found: EnclaveRegistration) => registrationTime(chain, found);
  for (const one of enclaves) {
    const why = await registrationFailure(chain, parts, receipt, one, timeOf);
    if (why !== undefined) return [{ name, ok: false, detail: `tally ${one.tally}: ${why}` }];
  }
  const cases = enclaves.flatMap(({ board }) => board.map(({ caseId }) => caseId));
  const by = cases.length === 0 ? "" : `, by the board's verdicts on cases ${[...new Set(cases)].join(", ")}`;
  return [{ name, ok: true, detail: `${enclaves.length} registrations are the registry's own${by}` }];
}
