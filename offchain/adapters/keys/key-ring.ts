// SPDX-License-Identifier: GPL-3.0-or-later
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { concatBytes } from "../../core/bytes.ts";
import type { CryptoPort } from "../../core/crypto-port.ts";
import type { ColumnCipher } from "../../core/ports/journal.ts";
import type { KeyRing, SealKeyPair, Signer } from "../../core/ports/keys.ts";
import type { TransportIdentity } from "../../core/ports/transport.ts";
import { sealKeyId } from "../../core/seal.ts";
import { Secret } from "../../core/secret.ts";
import { ChaChaColumnCipher } from "./column-cipher.ts";
import { KeyError } from "./errors.ts";
import { keyFileName, openKeyFile, writeKeyFile } from "./key-file.ts";
import type { KeyPurpose } from "./key-file.ts";
import { OperatorSigner } from "./operator-signer.ts";
import { transportIdentity } from "./transport-identity.ts";

export interface KeyRingOptions {
  readonly folder: string;
  readonly password: Secret<string>;
  /** Development keys (`dev-*.json`, cheap scrypt): a local chain only. */
  readonly development?: boolean;
}

const SEAL_FILE = /^(?:dev-)?seal-([0-9]{1,6})\.json$/;

/** Where the operator key of this folder is: what the process lock is held on. */
export function operatorKeyPath(options: Pick<KeyRingOptions, "folder" | "development">): string {
  return join(options.folder, keyFileName("operator", options.development ?? false));
}

/** Makes operator, transport and first seal key. `operatorKey` imports one (the devnet's funded accounts). Error KEY_EXISTS. */
export async function createKeyRing(
  options: KeyRingOptions & { readonly operatorKey?: Secret<Uint8Array> },
  modules: { readonly crypto: CryptoPort },
): Promise<void> {
  const fresh = () => new Secret(modules.crypto.randomBytes(32));
  await write(options, "operator", "operator", options.operatorKey ?? fresh());
  await write(options, "transport", "transport", fresh());
  await write(options, "seal-1", "seal", fresh());
}

/** Adds a seal key, which becomes the newest; old ones stay until their jobs ended. Returns the number in its file name. */
export async function rotateSealKey(
  options: KeyRingOptions,
  modules: { readonly crypto: CryptoPort },
): Promise<number> {
  const next = 1 + Math.max(0, ...(await sealNumbers(options)));
  await write(options, `seal-${next}`, "seal", new Secret(modules.crypto.randomBytes(32)));
  return next;
}

/** Opens all keys of a folder. Hold the `ProcessLock` on `operatorKeyPath` first. Errors: those of `openKeyFile`. */
export async function openKeyRing(
  options: KeyRingOptions,
  modules: { readonly crypto: CryptoPort },
): Promise<OpenKeyRing> {
  const numbers = (await sealNumbers(options)).toSorted((a, b) => b - a);
  // The first must be there even if the listing was empty: its absence then gets a name.
  const names = (numbers.length === 0 ? [1] : numbers).map((number) => `seal-${number}`);
  const operator = await read(options, "operator", "operator");
  const transport = await read(options, "transport", "transport");
  const seals: Secret<Uint8Array>[] = [];
  for (const name of names) seals.push(await read(options, name, "seal")); // one at a time: each takes 128 MiB
  return new OpenKeyRing({ operator, transport, seals }, modules);
}

/** A `KeyRing` whose keys are in memory. */
export class OpenKeyRing implements KeyRing {
  readonly #operator: Signer;
  readonly #transport: TransportIdentity;
  readonly #sealKeys: readonly SealKeyPair[];
  readonly #secrets: readonly Secret<Uint8Array>[];
  readonly #crypto: CryptoPort;
  readonly #prfKey: Secret<Uint8Array>;
  #open = true;

  constructor(
    keys: {
      readonly operator: Secret<Uint8Array>;
      readonly transport: Secret<Uint8Array>;
      readonly seals: readonly Secret<Uint8Array>[];
    },
    modules: { readonly crypto: CryptoPort },
  ) {
    this.#crypto = modules.crypto;
    this.#operator = new OperatorSigner(keys.operator);
    this.#transport = transportIdentity(keys.transport);
    this.#sealKeys = keys.seals.map((key) => this.#sealPair(key));
    this.#prfKey = new Secret(this.#derive(keys.operator, "prf"));
    this.columnCipher = new ChaChaColumnCipher(new Secret(this.#derive(keys.operator, "columns")), modules);
    this.#secrets = [keys.operator, keys.transport, ...keys.seals, this.#prfKey];
  }

  readonly columnCipher: ColumnCipher;

  get operator(): Signer {
    return this.#guard(this.#operator);
  }

  get transport(): TransportIdentity {
    return this.#guard(this.#transport);
  }

  get sealKeys(): readonly SealKeyPair[] {
    return this.#guard(this.#sealKeys);
  }

  prf(label: string, input: Uint8Array): Uint8Array {
    const text = new TextEncoder().encode(label);
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, text.length);
    return this.#crypto.hmacSha256(this.#guard(this.#prfKey).reveal(), concatBytes(length, text, input));
  }

  /** Overwrites the raw keys; what the runtime copied cannot be reached. */
  close(): void {
    this.#open = false;
    for (const secret of this.#secrets) secret.reveal().fill(0);
  }

  #guard<T>(value: T): T {
    if (!this.#open) throw new KeyError("KEYS_CLOSED", {});
    return value;
  }

  #sealPair(key: Secret<Uint8Array>): SealKeyPair {
    const publicKey = this.#crypto.x25519PublicKey(key.reveal());
    return {
      publicKey,
      keyId: sealKeyId(publicKey),
      use: (action) => action(this.#guard(key).reveal()),
    };
  }

  /** HKDF-SHA256 (RFC 5869), one block: 32 bytes. */
  #derive(key: Secret<Uint8Array>, purpose: string): Uint8Array {
    const encode = (text: string) => new TextEncoder().encode(text);
    const extracted = this.#crypto.hmacSha256(encode("assay.v1.operator"), key.reveal());
    return this.#crypto.hmacSha256(extracted, concatBytes(encode(`assay.v1.${purpose}`), new Uint8Array([1])));
  }
}

async function write(
  options: KeyRingOptions,
  name: string,
  purpose: KeyPurpose,
  key: Secret<Uint8Array>,
): Promise<void> {
  const { folder, password, development = false } = options;
  await writeKeyFile({ folder, name, purpose, password, development }, key);
}

async function read(options: KeyRingOptions, name: string, purpose: KeyPurpose): Promise<Secret<Uint8Array>> {
  const { folder, password, development = false } = options;
  return await openKeyFile(join(folder, keyFileName(name, development)), {
    purpose,
    password,
    allowDevelopment: development,
  });
}

async function sealNumbers(options: KeyRingOptions): Promise<number[]> {
  const names = await readdir(options.folder).catch(() => []);
  const mine = names.filter((name) => name.startsWith("dev-") === (options.development ?? false));
  return mine.flatMap((name) => {
    const number = SEAL_FILE.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}
