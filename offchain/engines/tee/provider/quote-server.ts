// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex, toHex, type Hex } from "../../../core/bytes.ts";
import { EvidenceError } from "../errors.ts";
import { MAX_EVIDENCE_BYTES } from "../verify.ts";
import type { Evidence } from "../verdict.ts";
import type { EnclaveProvider } from "./port.ts";

export interface QuoteServerOptions {
  /** Of a development quote server: `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** What stands for the measured image. */
  readonly bundleDigest: Hex;
}

const refuse = (detail: string, cause?: unknown) => new EvidenceError("PROVIDER", { detail }, { cause });

/**
 * SIMULATED evidence from a development quote server, which owns the simulated platform's keys. Loopback only, and never where NODE_ENV
 * is "production": what it signs proves nothing. Errors: PROVIDER.
 */
export class QuoteServerProvider implements EnclaveProvider {
  readonly kind = "simulated";
  readonly root = "simulated";
  readonly #options: QuoteServerOptions;

  constructor(options: QuoteServerOptions) {
    if (process.env["NODE_ENV"] === "production") throw refuse("simulated enclaves do not run in production");
    assertLoopback(options.url);
    this.#options = options;
  }

  async quote(reportData: Uint8Array): Promise<Evidence> {
    if (reportData.length !== 64)
      throw new EvidenceError("BINDING", { detail: `report data of ${reportData.length} bytes, not 64` });
    const { url, bundleDigest } = this.#options;
    const body = JSON.stringify({ reportData: toHex(reportData), bundleDigest });
    const reply = await fetch(new URL("/quote", url), { method: "POST", body, signal: AbortSignal.timeout(30_000) }).catch((cause: unknown) => { throw refuse(`${url} does not answer`, cause); }); // prettier-ignore
    if (!reply.ok) throw refuse(`${url} answers ${reply.status}`);
    const bytes = new Uint8Array(await reply.arrayBuffer());
    if (bytes.length === 0 || bytes.length > MAX_EVIDENCE_BYTES) throw refuse(`evidence of ${bytes.length} bytes`);
    return { format: formatOf(reply.headers.get("x-evidence-format")), bytes, runtime: new Uint8Array() };
  }
}

const FORMATS = ["dcap-tdx-v4", "nitro-cose"] as const;
export type QuoteServerFormat = (typeof FORMATS)[number];

function formatOf(name: unknown): QuoteServerFormat {
  const format = FORMATS.find((known) => known === name);
  if (format === undefined) throw refuse("the quote server names no form of evidence that is known here");
  return format;
}

/** The server's collateral, a bundle as `readCollateralBundle` takes it where its quotes are Intel's, and its root's key hash. Error: PROVIDER. */
export async function fetchSimulatedCollateral(
  url: string,
): Promise<{ readonly bundle: unknown; readonly root: Hex; readonly format: QuoteServerFormat }> {
  assertLoopback(url);
  const reply = await fetch(new URL("/collateral", url), { signal: AbortSignal.timeout(30_000) }).catch((cause: unknown) => { throw refuse(`${url} does not answer`, cause); }); // prettier-ignore
  if (!reply.ok) throw refuse(`${url} answers ${reply.status}`);
  const { bundle, root, format } = (await reply.json()) as Readonly<Record<"bundle" | "root" | "format", unknown>>;
  if (typeof root !== "string") throw refuse(`${url} names no root`);
  return { bundle, root: toHex(fromHex(root, 32)), format: formatOf(format) };
}

function assertLoopback(url: string): void {
  const host = URL.canParse(url) ? new URL(url).hostname : "";
  if (!["127.0.0.1", "localhost", "[::1]"].includes(host)) throw refuse(`a quote server at ${host}, not on loopback`);
}
