// SPDX-License-Identifier: GPL-3.0-or-later
import { applyChanges, type ApplyChangesParameters } from "../../adapters/chain/actions/apply-changes.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { hasCode } from "../../core/errors.ts";
import { NodeError } from "../errors.ts";

/** Unix seconds as people and programs read them. */
export const isoTime = (seconds: number): string => new Date(seconds * 1000).toISOString();

/** The arguments of a refusal by this Solidity error, as the chain adapter prints them; null for any other failure. */
export function refusedBy(error: unknown, name: string): readonly string[] | null {
  if (!hasCode(error, "REVERTED")) return null;
  const { meta } = error;
  return meta["name"] === name ? String(meta["args"]).split(", ") : null;
}

/** Changes the next ticket table. Errors: CHANGES_CLOSED with the time it opens; those of `applyChanges`. */
export async function changeTickets(chain: Chain, changes: ApplyChangesParameters["changes"]): Promise<void> {
  try {
    await applyChanges(chain, { changes });
  } catch (error) {
    // The chain decides, not this machine's clock: only its refusal names the time.
    const refused = refusedBy(error, "ChangesClosed");
    if (refused === null) throw error;
    throw new NodeError("CHANGES_CLOSED", { opens: isoTime(Number(refused[1])) }, { cause: error });
  }
}
