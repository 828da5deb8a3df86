// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync, statSync } from "node:fs";
import { z } from "zod";
import { isAssayError } from "../core/errors.ts";
import { CliError } from "./errors.ts";
import { address, optional, text, url } from "./fields.ts";

/** Options of every command that talks to a chain. */
export const connectionOptions = {
  rpc: optional("url", "JSON-RPC endpoint.", url),
  hub: optional("address", "Hub of the deployment.", address),
  devnet: optional("file", "JSON file that `assay devnet` wrote; names endpoint, hub and a funded key.", text),
};

export interface ConnectionInput {
  readonly rpc: string | undefined;
  readonly hub: `0x${string}` | undefined;
  readonly devnet: string | undefined;
}

export interface Connection {
  readonly rpcUrl: string;
  readonly hub: `0x${string}`;
  readonly fromBlock: bigint;
  /** If a devnet file was given. */
  readonly chainId: number | undefined;
  /** Key of the devnet's funded requester, if a devnet file was given. */
  readonly devKeyFile: string | undefined;
}

const hexAddress = z.templateLiteral(["0x", z.string().regex(/^[0-9a-fA-F]{40}$/)]);

/** What `assay devnet` writes for other programs. */
export const devnetFileSchema = z.object({
  version: z.literal(1),
  rpcUrl: z.url(),
  chainId: z.number().int(),
  hub: hexAddress,
  lens: hexAddress,
  token: hexAddress,
  fromBlock: z.number().int().nonnegative(),
  /** File with the funded requester's private key. Worthless off this chain. */
  requesterKeyFile: z.string(),
  models: z.record(z.string(), z.string()),
  workers: z.array(z.object({ workerId: z.number().int(), pid: z.number().int(), endpoint: z.string() })),
});
export type DevnetFile = z.infer<typeof devnetFileSchema>;

/** Errors: CONNECTION_MISSING, FILE_UNREADABLE. */
export function resolveConnection(input: ConnectionInput): Connection {
  const devnet = input.devnet === undefined ? undefined : readDevnetFile(input.devnet);
  const rpcUrl = input.rpc ?? devnet?.rpcUrl;
  const hub = input.hub ?? devnet?.hub;
  if (rpcUrl === undefined || hub === undefined) throw new CliError("CONNECTION_MISSING", {});
  return {
    rpcUrl,
    hub,
    fromBlock: BigInt(devnet?.fromBlock ?? 0),
    chainId: devnet?.chainId,
    devKeyFile: devnet?.requesterKeyFile,
  };
}

export function readDevnetFile(path: string): DevnetFile {
  const parsed = devnetFileSchema.safeParse(readJson(path));
  if (!parsed.success)
    throw new CliError("FILE_UNREADABLE", { path, why: parsed.error.issues[0]?.message ?? "not a devnet file" });
  return parsed.data;
}

/** Bytes of a file that the user named. Error: FILE_UNREADABLE. */
export function readFileBytes(path: string, maxBytes: number): Uint8Array {
  try {
    const { size } = statSync(path);
    if (size > maxBytes) throw new CliError("FILE_UNREADABLE", { path, why: `${size} bytes, at most ${maxBytes}` });
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    if (isAssayError(error)) throw error;
    throw new CliError("FILE_UNREADABLE", { path, why: error instanceof Error ? error.message : String(error) });
  }
}

export function readJson(path: string): unknown {
  const bytes = readFileBytes(path, 64 * 1024 * 1024);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new CliError("FILE_UNREADABLE", { path, why: "it is no JSON" });
  }
}

/** A private key from a file that only its owner may read. Errors: KEY_MISSING, KEY_FILE_OPEN, FILE_UNREADABLE. */
export function readPrivateKey(path: string | undefined): `0x${string}` {
  if (path === undefined) throw new CliError("KEY_MISSING", {});
  const key = new TextDecoder().decode(readFileBytes(path, 1024)).trim();
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0) throw new CliError("KEY_FILE_OPEN", { path, mode: mode.toString(8) });
  if (!/^0x[0-9a-fA-F]{64}$/.test(key))
    throw new CliError("FILE_UNREADABLE", { path, why: "it holds no private key as 0x and 64 hexadecimal digits" });
  return `0x${key.slice(2)}`;
}
