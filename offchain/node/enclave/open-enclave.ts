// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import type { Hex } from "../../core/bytes.ts";
import { ZERO_BYTES32 } from "../../core/types.ts";
import { readAmdFiles } from "../../engines/tee/amd-files.ts";
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

async function read(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new EvidenceError("COLLATERAL", { detail: `${path} cannot be read` }, { cause });
  });
}

function parse(path: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new EvidenceError("COLLATERAL", { detail: `${path} is no JSON` }, { cause });
  }
}

/** What goes with this worker's evidence, read again each time. Errors: COLLATERAL, PEM, PROVIDER. */
export async function endorse({ provider, collateral, vcek, amdChain, quoteServer }: EndorseSettings) {
  if (provider === "simulated") return endorseSimulated(quoteServer);
  const endorsements: Endorsements =
    provider === "nitro"
      ? { kind: "none" }
      : vcek === ""
        ? readCollateralBundle(parse(collateral, await read(collateral)))
        : readAmdFiles(await read(vcek), await read(amdChain));
  return { endorsements, roots: PRODUCTION_ROOTS };
}

type EndorseSettings = Pick<NodeConfig["enclave"], "provider" | "collateral" | "vcek" | "amdChain" | "quoteServer">;

/** A guest is Intel's or AMD's. */
function requireTsmFiles({ collateral, vcek, amdChain }: EndorseSettings): void {
  const amd = [vcek, amdChain].filter((path) => path !== "").length;
  if (collateral === "" && amd === 0) throw refuse("neither enclave.collateral nor enclave.vcek is set");
  if (collateral !== "" && amd > 0) throw refuse("enclave.collateral is Intel's, enclave.vcek and enclave.amdChain are AMD's: set one vendor's"); // prettier-ignore
  if (amd === 1) throw refuse("enclave.vcek and enclave.amdChain go together");
}

/** Whether the section fits together; `isServed`: the model is one of the worker's. Error: ENCLAVE_SETTINGS. */
export function requireEnclaveSettings(enclave: NodeConfig["enclave"], isServed: boolean): void {
  const { provider, model, quoteServer } = enclave;
  if (!isServed) throw refuse(`enclave.model is ${model === "" ? "not set" : "none of work.models"}`);
  if (provider === "tsm") requireTsmFiles(enclave);
  if (provider === "simulated" && quoteServer === "") throw refuse("enclave.quoteServer is not set");
}

export interface OpenEnclaveModules extends Omit<EnclaveKeeperModules, "launch" | "endorse"> {
  readonly models: FolderModelShelf;
}

/** The enclave that the configuration asks for, not yet started; null if it asks for none. Error: ENCLAVE_SETTINGS. */
export function openEnclave(config: NodeConfig, { models, ...modules }: OpenEnclaveModules): EnclaveKeeper | null {
  const { enclave, work, node, prove } = config;
  const { provider, model, quoteServer } = enclave;
  if (provider === "none") return null;
  const served = models.modelIds.filter((id) => models.folder(id) === model);
  requireEnclaveSettings(enclave, served.length > 0);
  const [modelId = ZERO_BYTES32] = served;
  if (!isDeepStrictEqual(models.exposure(modelId), [])) throw refuse("models with stages at their client run in none");
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
