// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { nodeCrypto } from "../../adapters/keys/node-crypto.ts";
import { silentLogger } from "../../adapters/observe/silent-logger.ts";
import { systemClock } from "../../adapters/observe/system-clock.ts";
import type { Hex } from "../../core/bytes.ts";
import { measureBundle } from "../../engines/tee/provider/bundle.ts";
import { NitroProvider } from "../../engines/tee/provider/nitro.ts";
import { nodeTsmFiles } from "../../engines/tee/provider/node-files.ts";
import { NsmHelper } from "../../engines/tee/provider/nsm-helper.ts";
import type { EnclaveProvider } from "../../engines/tee/provider/port.ts";
import { QuoteServerProvider } from "../../engines/tee/provider/quote-server.ts";
import { TsmProvider } from "../../engines/tee/provider/tsm.ts";
import { NodeError } from "../errors.ts";
import { FolderModelShelf } from "../model-shelf.ts";
import { StageProver, type StageProverOptions } from "../stage-prover.ts";
import { EnclaveInner } from "./inner.ts";
import { serveInner } from "./serve-inner.ts";

/** Of an image; a host that changes them changes what is measured or what its evidence ends at. */
export interface InnerMainOptions {
  /** Folder of the one model. */
  readonly model: string;
  readonly executor: "onnx" | "reference";
  readonly threads: number;
  /** `tsm`, `nitro`: this guest's or this enclave's own device; else a development quote server. */
  readonly provider: { readonly kind: "tsm" | "nitro" } | { readonly kind: "simulated"; readonly url: string };
  /** Where proving keys lie, which are public and checked by their id; null: it proves nothing. The chain is told at boot. */
  readonly prove: Omit<StageProverOptions, "chainId"> | null;
}

const STREAM = 3;

function providerOf({ provider }: InnerMainOptions, bundleDigest: Hex): EnclaveProvider {
  if (provider.kind === "simulated") return new QuoteServerProvider({ url: provider.url, bundleDigest });
  if (provider.kind === "nitro") return new NitroProvider(new NsmHelper());
  return new TsmProvider({}, { files: nodeTsmFiles, random: (count) => randomBytes(count) });
}

/** The root that this program came from. */
export const bundleRoot = (): string => fileURLToPath(new URL("../../", import.meta.url));

async function main(options: InnerMainOptions): Promise<void> {
  const bundleDigest = await measureBundle(bundleRoot());
  const { model, executor, threads } = options;
  const models = await FolderModelShelf.open(
    { folders: [model], executor, threads, judges: null },
    { logger: silentLogger },
  );
  // Models over ciphertexts may lie inside the folder.
  const modelId = models.modelIds.find((id) => models.folder(id) === model);
  if (modelId === undefined) throw new NodeError("ENCLAVE_SETTINGS", { reason: "there is no model" });
  const { prove } = options;
  let prover: StageProver | null = null;
  const openProver = (chainId: bigint): StageProver => {
    prover = new StageProver({ ...prove, chainId } as StageProverOptions, { programs: models, logger: silentLogger });
    void prover.prepare();
    return prover;
  };
  const inner = new EnclaveInner(
    { bundleDigest, modelId },
    {
      crypto: nodeCrypto,
      provider: providerOf(options, bundleDigest),
      models,
      prover: prove === null ? null : openProver,
      clock: systemClock,
    },
  );
  await serveInner(new Socket({ fd: STREAM }), inner);
  await (prover as StageProver | null)?.close();
  await models.close();
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  // Nothing is said about a failure: the host sees that the stream ends.
  main(JSON.parse(process.argv[2] ?? "{}") as InnerMainOptions).then(
    () => process.exit(0),
    () => process.exit(1),
  );
