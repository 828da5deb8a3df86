// SPDX-License-Identifier: GPL-3.0-or-later
import { constants } from "node:fs";
import { link, open, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { computeAddress } from "ethers/transaction";
import { decryptKeystoreJson, encryptKeystoreJson } from "ethers/wallet";
import { fromHex, toHex } from "../../core/bytes.ts";
import { Secret } from "../../core/secret.ts";
import { KeyError } from "./errors.ts";
import { readPrivateText } from "./private-file.ts";

export type KeyPurpose = "owner" | "operator" | "transport" | "seal";
const PURPOSES: readonly KeyPurpose[] = ["owner", "operator", "transport", "seal"];

/** Web3 Secret Storage default (geth, ethers): 128 MiB and about 0.4 s a try. */
const COST = 1 << 17;
/** Development keys: fast enough for sixteen workers at once, worthless against a guesser. Their files say so. */
const DEVELOPMENT_COST = 1 << 12;
/** A hostile file must not make us allocate gigabytes (128·N·r bytes). */
const MAX_COST = 1 << 18;
const MAX_FILE_BYTES = 16 << 10;

export interface OpenKeyOptions {
  readonly purpose: KeyPurpose;
  readonly password: Secret<string>;
  /** Only on a local chain: production configuration never sets it. */
  readonly allowDevelopment?: boolean;
}

/** The file of a key: development keys carry it in their name as well as inside. */
export function keyFileName(name: string, development: boolean): string {
  return development ? `dev-${name}.json` : `${name}.json`;
}

/**
 * Writes a 32-byte private key, mode 0600, never over an existing file. Returns the path: `<folder>/<name>.json` or, for a
 * development key with its low scrypt cost, `<folder>/dev-<name>.json`. Errors KEY_EXISTS, KEY_WRITE_FAILED.
 */
export async function writeKeyFile(
  options: { readonly folder: string; readonly name: string; readonly development?: boolean } & Omit<
    OpenKeyOptions,
    "allowDevelopment"
  >,
  key: Secret<Uint8Array>,
): Promise<string> {
  const development = options.development ?? false;
  const path = join(options.folder, keyFileName(options.name, development));
  const privateKey = toHex(key.reveal());
  const account = { address: computeAddress(privateKey), privateKey };
  const scrypt = { N: development ? DEVELOPMENT_COST : COST, r: 8, p: 1 };
  const store = JSON.parse(await encryptKeystoreJson(account, options.password.reveal(), { scrypt })) as object;
  const text = JSON.stringify({ ...store, assay: { purpose: options.purpose, development } }, null, 2);
  await writeOnce(path, `${text}\n`);
  return path;
}

/**
 * Opens a key file. The address inside is the secp256k1 one for every purpose, so that standard tools open the file; metadata is not
 * covered by its MAC, hence the purpose is only a guard against mix-ups. Errors KEY_MISSING, KEY_PERMISSIONS, KEY_FORMAT, KEY_PURPOSE,
 * KEY_DEVELOPMENT, KEY_WEAK, KEY_PASSWORD.
 */
export async function openKeyFile(path: string, options: OpenKeyOptions): Promise<Secret<Uint8Array>> {
  const text = await readPrivateText(path, MAX_FILE_BYTES);
  const meta = readMetadata(path, text);
  if (meta.purpose !== options.purpose) {
    throw new KeyError("KEY_PURPOSE", { path, have: meta.purpose, want: options.purpose });
  }
  const development = meta.development || basename(path).startsWith("dev-");
  if (development && !options.allowDevelopment) throw new KeyError("KEY_DEVELOPMENT", { path });
  if (meta.cost < (development ? DEVELOPMENT_COST : COST)) {
    throw new KeyError("KEY_WEAK", { path, have: meta.cost, want: COST });
  }
  try {
    const { privateKey } = await decryptKeystoreJson(text, options.password.reveal());
    return new Secret(fromHex(privateKey, 32));
  } catch {
    throw new KeyError("KEY_PASSWORD", { path }); // without cause: foreign errors may quote what they were given
  }
}

function readMetadata(path: string, text: string): { purpose: KeyPurpose; development: boolean; cost: number } {
  const wrong = (reason: string) => new KeyError("KEY_FORMAT", { path, reason });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw wrong("it is not JSON");
  }
  const store = lowerKeys(json);
  if (store["version"] !== 3) throw wrong("it has not version 3");
  const crypto = lowerKeys(store["crypto"]);
  if (crypto["kdf"] !== "scrypt") throw wrong("its key derivation is not scrypt");
  const { n, r, p } = lowerKeys(crypto["kdfparams"]);
  if (!isPower(n) || r !== 8 || p !== 1) throw wrong("its scrypt parameters are not N = 2^k, r = 8, p = 1");
  if (n > MAX_COST) throw wrong(`its scrypt cost is above ${MAX_COST}`);
  const assay = lowerKeys(store["assay"]);
  const purpose = PURPOSES.find((one) => one === assay["purpose"]);
  if (purpose === undefined) throw wrong("it names no purpose");
  if (typeof assay["development"] !== "boolean") throw wrong("it does not say whether it is for development");
  return { purpose, development: assay["development"], cost: n };
}

/** Tools differ in `Crypto` and `crypto`; ethers reads both. Two spellings of one name are refused: which one counts is unclear. */
function lowerKeys(value: unknown): Record<string, unknown> {
  const out: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  if (typeof value !== "object" || value === null) return out;
  for (const [key, member] of Object.entries(value)) {
    const name = key.toLowerCase();
    out[name] = name in out ? undefined : member;
  }
  return out;
}

function isPower(n: unknown): n is number {
  return typeof n === "number" && Number.isSafeInteger(n) && n > 1 && Number.isInteger(Math.log2(n));
}

/** Whole or not at all: written beside, synced, then linked to its name, which fails if that exists. */
async function writeOnce(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path);
    const folder = await open(dirname(path), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    if (code === "EEXIST") throw new KeyError("KEY_EXISTS", { path }, { cause });
    throw new KeyError("KEY_WRITE_FAILED", { path, reason: code }, { cause });
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined); // the folder may be gone: the first error counts
  }
}
