// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import { SqliteCheckLedger } from "../adapters/store/sqlite-check-ledger.ts";
import { domainSeparator } from "../core/eip712.ts";
import { hidingLinearChecks, mostLinearChecks } from "../core/zk/check-allowance.ts";
import type { Hex } from "../protocol/ports.ts";
import { LinearCheckDesk, type LinearCheckDeskModules } from "./linear-check-desk.ts";
import type { NodeConfig } from "./settings.ts";
import type { StageProver } from "./stage-prover.ts";

const ALLOWANCES = { hiding: hidingLinearChecks, most: mostLinearChecks } as const;

export interface OwnerConfig {
  readonly chain: Pick<NodeConfig["chain"], "id" | "hub">;
  readonly checks: { readonly clients: readonly string[]; readonly allowance: keyof typeof ALLOWANCES };
  readonly store: Pick<NodeConfig["store"], "folder">;
}

/**
 * The desk of an owner of private weights, with its ledger beside the journal; null where no client is named or nothing is proven. Errors:
 * those of `SqliteCheckLedger`.
 */
export function openLinearChecks(
  { chain, checks, store }: OwnerConfig,
  { prover, ...modules }: Omit<LinearCheckDeskModules, "prover"> & { readonly prover: StageProver | null },
): { readonly desk: LinearCheckDesk; close(): void } | null {
  if (prover === null || checks.clients.length === 0) return null;
  const ledger = new SqliteCheckLedger({ path: join(store.folder, "checks.sqlite") });
  const domain = domainSeparator({ chainId: BigInt(chain.id), hub: chain.hub as Hex });
  const owner = { domain, ledger, allowance: ALLOWANCES[checks.allowance] };
  const desk = new LinearCheckDesk(
    { domain, clients: checks.clients as readonly Hex[] },
    {
      ...modules,
      prover: {
        get load() {
          return prover.load;
        },
        maxLoad: prover.maxLoad,
        offersChecks: (modelId, stage) => prover.offersChecks(modelId, stage),
        proveCheck: async (request, signal) => prover.proveCheck(request, { ...owner, signal }),
      },
    },
  );
  return { desk, close: () => ledger.close() };
}
