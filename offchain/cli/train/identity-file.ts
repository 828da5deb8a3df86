// SPDX-License-Identifier: GPL-3.0-or-later
import { z } from "zod";
import { nodeCrypto } from "../../adapters/keys/node-crypto.ts";
import { OperatorSigner } from "../../adapters/keys/operator-signer.ts";
import { readPrivateText } from "../../adapters/keys/private-file.ts";
import { fromHex, toHex, type Hex } from "../../core/bytes.ts";
import type { Signer } from "../../core/ports/keys.ts";
import { Secret } from "../../core/secret.ts";
import { CliError } from "../errors.ts";
import type { Parsed } from "../fields.ts";
import { writeNewFile } from "../new-file.ts";

const MAX_BYTES = 4096;

/** What the other side of a training must know: who signs, and the key that messages to them are sealed to. */
export interface TrainCard {
  readonly address: Hex;
  readonly sealKey: Uint8Array;
}

export interface TrainIdentity {
  readonly signer: Signer;
  /** X25519 private key. */
  readonly sealKey: Uint8Array;
  readonly card: TrainCard;
}

/** `0x` and 40 digits, a full stop, 64 digits. */
export const cardText = ({ address, sealKey }: TrainCard): string =>
  `${address.toLowerCase()}.${toHex(sealKey).slice(2)}`;

/** A card as `cardText` writes it. */
export function card(text: string): Parsed<TrainCard> {
  const [, address, sealKey] = /^0x([0-9a-f]{40})\.([0-9a-f]{64})$/.exec(text) ?? [];
  if (address === undefined || sealKey === undefined)
    return { why: "must be a card as `assay train identity` prints it" };
  return { value: { address: `0x${address}`, sealKey: fromHex(`0x${sealKey}`) } };
}

const key = z.templateLiteral(["0x", z.string().regex(/^[0-9a-f]{64}$/)]);
const schema = z.strictObject({ version: z.literal(1), purpose: z.literal("train"), operator: key, seal: key });

/** Fresh keys of one side of trainings, in a file of mode 0600. Errors: FILE_EXISTS, FILE_UNWRITABLE. */
export function makeIdentity(path: string): TrainIdentity {
  const [operator, seal] = [nodeCrypto.randomBytes(32), nodeCrypto.randomBytes(32)];
  const file = { version: 1, purpose: "train", operator: toHex(operator), seal: toHex(seal) };
  writeNewFile(path, `${JSON.stringify(file)}\n`, 0o600);
  return identityOf(operator, seal);
}

/** Errors: KEY_MISSING, KEY_PERMISSIONS, FILE_UNREADABLE. */
export async function readIdentity(path: string): Promise<TrainIdentity> {
  const text = await readPrivateText(path, MAX_BYTES);
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {
    // No cause: a parser's message may quote the keys.
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new CliError("FILE_UNREADABLE", { path, why: "it holds no keys for training" });
  return identityOf(fromHex(parsed.data.operator), fromHex(parsed.data.seal));
}

function identityOf(operator: Uint8Array, sealKey: Uint8Array): TrainIdentity {
  const signer = new OperatorSigner(new Secret(operator));
  return { signer, sealKey, card: { address: signer.address, sealKey: nodeCrypto.x25519PublicKey(sealKey) } };
}
