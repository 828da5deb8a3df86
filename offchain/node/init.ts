// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createKeyRing, openKeyRing } from "../adapters/keys/key-ring.ts";
import { nodeCrypto } from "../adapters/keys/node-crypto.ts";
import { readPassword } from "../adapters/keys/private-file.ts";
import type { Secret } from "../core/secret.ts";
import { configTemplate } from "./config-template.ts";
import { NodeError } from "./errors.ts";

export interface InitOptions {
  readonly folder: string;
  /** Values to write, by setting: `{ "chain.rpcUrl": "…" }`. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** Existing password file (mode 0600); without it a random password is written beside the keys. */
  readonly passwordFile?: string;
  /** Imports the operator key instead of making one. */
  readonly operatorKey?: Secret<Uint8Array>;
  readonly development?: boolean;
}

export interface InitResult {
  readonly configFile: string;
  readonly operator: `0x${string}`;
  readonly transportId: `0x${string}`;
  readonly sealKey: `0x${string}`;
}

/** Makes `assay.toml`, a password file and the worker's keys in a folder. Errors: CONFIG_EXISTS; KEY_EXISTS and others of adapters/keys. */
export async function initNode(options: InitOptions): Promise<InitResult> {
  const { folder, development = false } = options;
  const configFile = join(folder, "assay.toml");
  if (existsSync(configFile)) throw new NodeError("CONFIG_EXISTS", { path: configFile });
  await mkdir(join(folder, "keys"), { recursive: true, mode: 0o700 });
  const passwordFile = options.passwordFile ?? join(folder, "password");
  if (options.passwordFile === undefined) {
    const random = Buffer.from(nodeCrypto.randomBytes(24)).toString("base64url");
    await writeFile(passwordFile, `${random}\n`, { mode: 0o600, flag: "wx" });
  }
  const password = await readPassword(passwordFile);
  const keyOptions = { folder: join(folder, "keys"), password, development };
  await createKeyRing(
    { ...keyOptions, ...(options.operatorKey === undefined ? {} : { operatorKey: options.operatorKey }) },
    { crypto: nodeCrypto },
  );
  const values = {
    ...(development ? { "node.development": true } : {}),
    ...(options.passwordFile === undefined ? {} : { "keys.passwordFile": options.passwordFile }),
    ...options.values,
  };
  // Written last: a folder with a configuration is complete.
  await writeFile(configFile, configTemplate(values), { mode: 0o600, flag: "wx" });
  const keys = await openKeyRing(keyOptions, { crypto: nodeCrypto });
  const [seal] = keys.sealKeys;
  const result = {
    configFile,
    operator: keys.operator.address,
    transportId: keys.transport.id,
    sealKey: `0x${Buffer.from(seal?.publicKey ?? []).toString("hex")}` as const,
  };
  keys.close();
  return result;
}
