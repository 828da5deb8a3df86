// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import type { Hex } from "../../core/bytes.ts";
import { readCollateralBundle } from "../../engines/tee/collateral-file.ts";
import { EvidenceError } from "../../engines/tee/errors.ts";
import { fetchSimulatedCollateral, type QuoteServerFormat } from "../../engines/tee/provider/quote-server.ts";
import { PRODUCTION_ROOTS, type TrustRoots } from "../../engines/tee/roots.ts";
import type { Endorsements } from "../../engines/tee/verdict.ts";
import { NodeError } from "../errors.ts";
import { keyCheckOptions } from "../key-checks.ts";
import type { FolderModelShelf } from "../model-shelf.ts";
import type { NodeConfig } from "../settings.ts";
import { EnclaveKeeper, type EnclaveKeeperModules } from "./keep-enclave.ts";
import { launchInner } from "./launch-inner.ts";

const refuse = (reason: string) => new NodeError("ENCLAVE_SETTINGS", { reason });

/** The vendors' roots, and one of a development quote server. */
export const simulatedRoots = (root: Hex, format: QuoteServerFormat = "dcap-tdx-v4"): TrustRoots => ({
  simulatedAllowed: true,
  roots: [
    ...PRODUCTION_ROOTS.roots,
    {
      ...(format === "nitro-cose"
        ? ({ vendor: "aws", name: "SIMULATED Nitro Root" } as const)
        : ({ vendor: "intel", name: "SIMULATED SGX Root CA" } as const)),
      kind: "simulated",
      spkiSha256: root.slice(2),
    },
  ],
});

/** What goes with the quotes of a development quote server. Errors: COLLATERAL, PROVIDER. */
export async function endorseSimulated(
  url: string,
): Promise<{ readonly endorsements: Endorsements; readonly roots: TrustRoots }> {
  const { bundle, root, format } = await fetchSimulatedCollateral(url);
  const endorsements = format === "nitro-cose" ? ({ kind: "none" } as const) : readCollateralBundle(bundle);
  return { endorsements, roots: simulatedRoots(root, format) };
}

/** What goes with this worker's quotes. Errors: COLLATERAL, PROVIDER. */
async function endorse({ provider, collateral, quoteServer }: NodeConfig["enclave"]) {
  if (provider === "simulated") return endorseSimulated(quoteServer);
  if (provider === "nitro") return { endorsements: { kind: "none" } as const, roots: PRODUCTION_ROOTS };
  const text = await readFile(collateral, "utf8").catch((cause: unknown) => {
    throw new EvidenceError("COLLATERAL", { detail: `${collateral} cannot be read` }, { cause });
  });
  return { endorsements: readCollateralBundle(JSON.parse(text)), roots: PRODUCTION_ROOTS };
}

export interface OpenEnclaveModules extends Omit<EnclaveKeeperModules, "launch" | "endorse"> {
  readonly models: FolderModelShelf;
}

/** The enclave that the configuration asks for, not yet started; null if it asks for none. Error: ENCLAVE_SETTINGS. */
export function openEnclave(config: NodeConfig, { models, ...modules }: OpenEnclaveModules): EnclaveKeeper | null {
  const { enclave, work, node, prove } = config;
  const { provider, model, collateral, quoteServer } = enclave;
  if (provider === "none") return null;
  const modelId = models.modelIds.find((id) => models.folder(id) === model);
  if (modelId === undefined) throw refuse(`enclave.model is ${model === "" ? "not set" : "none of work.models"}`);
  if (!isDeepStrictEqual(models.exposure(modelId), [])) throw refuse("models with stages at their client run in none");
  if (provider === "tsm" && collateral === "") throw refuse("enclave.collateral is not set");
  if (provider === "simulated" && quoteServer === "") throw refuse("enclave.quoteServer is not set");
  const { executor, threads } = work;
  const proves = enclave.critical && prove.enabled;
  const { chainId: _, ...checks } = keyCheckOptions(config);
  const launch = async () =>
    launchInner({
      model,
      executor,
      threads,
      provider: provider === "simulated" ? { kind: provider, url: quoteServer } : { kind: provider },
      prove: proves ? { ...checks, maxLoad: prove.maxWaiting } : null,
    });
  return new EnclaveKeeper(
    {
      modelId,
      renewBeforeSec: enclave.renewHours * 3_600,
      watchMs: enclave.watchSeconds * 1_000,
      simulatedAllowed: node.development,
      critical: enclave.critical,
      proves,
    },
    { ...modules, launch, endorse: async () => endorse(enclave) },
  );
}
