// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fromHex, type Hex } from "../../../core/bytes.ts";
import { collateralBundle } from "../collateral-file.ts";
import { SimulatedPlatform, type SimulatedOptions } from "./platform.ts";
import type { Period } from "./report.ts";
import { SimulatedVendor } from "./vendor.ts";

export interface SimulatedQuoteServer {
  readonly url: string;
  /** SHA-256 of the simulated root's key: what a development chain pins. */
  readonly root: Hex;
  close(): Promise<void>;
}

export interface SimulatedQuoteServerOptions {
  /** 32 bytes: all keys of the platform follow. */
  readonly seed: Uint8Array;
  /** Of certificates and collateral, Unix seconds of the chain. */
  readonly period: Period;
  readonly platform?: SimulatedOptions;
  /** Of this seed, with other machines beside this one: all their servers give its newest collateral. One of its own if left out. */
  readonly vendor?: SimulatedVendor;
  /** Which of the vendor's machines it stands for; the first if left out. */
  readonly machine?: number;
  /** What its quotes are; Intel's by default. */
  readonly format?: SimulatedFormat;
}

/** Of platforms that a quote server can stand for: a family whose evidence chains verify, and one that attesters judge. */
export type SimulatedFormat = "dcap-tdx-v4" | "nitro-cose";
const VENDORS = { "dcap-tdx-v4": "intel", "nitro-cose": "aws" } as const;

/** 48 bytes that stand for a TD whose image holds this bundle: changed code is another measurement. */
export const simulatedMeasurement = (bundleDigest: Hex): Uint8Array =>
  new Uint8Array(createHash("sha384").update("assay.v1.simulated-image").update(fromHex(bundleDigest, 32)).digest());

/** SHA-256 of the key of a seed's SIMULATED root, Intel's by default. */
export function simulatedRoot(seed: Uint8Array, format: SimulatedFormat = "dcap-tdx-v4"): Hex {
  const roots = new SimulatedPlatform(seed, { from: 0n, to: 1n }).roots([VENDORS[format]]).roots;
  return `0x${roots.find(({ kind }) => kind === "simulated")?.spkiSha256 ?? ""}`;
}

/** What the answered bytes are. */
const FORMAT_HEADER = "x-evidence-format";
const MAX_BODY = 1_024;
const DIGITS = /^0x[0-9a-f]+$/;

/**
 * Starts a development quote server on loopback: it owns the SIMULATED platform's keys, so that several enclaves of one machine can be
 * told from one root. `POST /quote {reportData, bundleDigest}` answers a TDX v4 quote, or a Nitro document; `GET /collateral` tells which, and
 * what a verifier needs beside it.
 * Errors: ROOT where NODE_ENV is "production".
 */
export async function startSimulatedQuoteServer(options: SimulatedQuoteServerOptions): Promise<SimulatedQuoteServer> {
  const { format = "dcap-tdx-v4", machine = 0 } = options;
  const vendor = options.vendor ?? new SimulatedVendor(options.seed, options.period, options.platform);
  // Refuses where no simulated platform may run, before anybody asks.
  vendor.platform(machine);
  const root = simulatedRoot(options.seed, format);
  const server = createServer((request, response) => {
    serve({ platform: vendor.platform(machine), root, format }, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    root,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

interface Served {
  readonly platform: SimulatedPlatform;
  readonly root: Hex;
  readonly format: SimulatedFormat;
}

async function serve(
  { platform, root, format }: Served,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = (status: number, body: Uint8Array | string): void => void response.writeHead(status).end(body);
  const isIntel = format === "dcap-tdx-v4";
  if (request.method === "GET" && request.url === "/collateral") {
    const bundle = isIntel ? collateralBundle(platform.intel.collateral(true)) : null;
    return answer(200, JSON.stringify({ root, format, bundle }));
  }
  if (request.method !== "POST" || request.url !== "/quote") return answer(404, "");
  const asked = await readBody(request);
  const reportData = asked?.["reportData"];
  const bundleDigest = asked?.["bundleDigest"];
  const isHex = (value: unknown, digits: number): value is Hex =>
    typeof value === "string" && value.length === 2 + digits && DIGITS.test(value);
  if (!isHex(reportData, 128) || !isHex(bundleDigest, 64)) return answer(400, "");
  const report = { reportData: fromHex(reportData, 64), measurement: simulatedMeasurement(bundleDigest) };
  response.setHeader(FORMAT_HEADER, format);
  return answer(200, isIntel ? platform.intel.quote(format, report) : platform.aws.document(report));
}

async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>> | null> {
  let text = "";
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BODY) return null;
  }
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return null;
  }
}
