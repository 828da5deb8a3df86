// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { utf8, type Hex } from "../../../core/bytes.ts";
import { isAssayError } from "../../../core/errors.ts";
import { canonicalJson } from "../../../core/manifest.ts";
import { parseCanonical } from "./canonical-file.ts";
import { CEREMONY_JSON } from "./ceremony-file.ts";
import { KEY_GROUPS, KEY_RECORD, KEY_ZKEY, MANIFEST_JSON, TRANSCRIPT_JSON } from "./key-folder.ts";
import type { SetupReport } from "./verify-setup.ts";

/** Raised when `verify-setup` learns to refuse more: what an older one accepted is then verified again. */
const VERSION = 1;
const FILES = [CEREMONY_JSON, KEY_GROUPS, KEY_RECORD, KEY_ZKEY, MANIFEST_JSON, TRANSCRIPT_JSON];

const hex32 = z.custom<Hex>((value) => typeof value === "string" && /^0x[0-9a-f]{64}$/.test(value));
const schema = z.strictObject({
  version: z.literal(VERSION),
  /** Of the key's files, as they were verified. */
  content: z.string().regex(/^[0-9a-f]{64}$/),
  keyId: hex32,
  class: z.enum(["CEREMONY", "DEVELOPMENT"]),
  circuitHash: hex32,
  transcriptHash: hex32,
  contributors: z.array(z.string().max(600)).max(1024),
});
/** A setup that `verifySetup` found to hold on this machine. */
export type KnownSetup = z.output<typeof schema>;

/** One hash of all files of a key's folder; null if one is missing. */
export async function setupContent(folder: string): Promise<string | null> {
  const all = createHash("sha256");
  for (const file of FILES) {
    const hash = createHash("sha256");
    try {
      for await (const chunk of createReadStream(join(folder, file), { highWaterMark: 1 << 20 }))
        hash.update(chunk as Uint8Array);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      return null;
    }
    all.update(`${file}\0`).update(hash.digest());
  }
  return all.digest("hex");
}

const fileOf = (cacheFolder: string, content: string): string =>
  join(cacheFolder, "verified-keys", `${content}.v${VERSION}.json`);

/** What was remembered of exactly these files; null if nothing was, or it is damaged. */
export async function recallSetup(cacheFolder: string, content: string): Promise<KnownSetup | null> {
  const path = fileOf(cacheFolder, content);
  const bytes = await readFile(path).catch(() => null);
  if (bytes === null) return null;
  try {
    const known = parseCanonical(new Uint8Array(bytes), path, schema);
    return known.content === content ? known : null;
  } catch (error) {
    if (isAssayError(error)) return null;
    throw error;
  }
}

/** Keeps a report beside the key cache, so that the same files are verified once. Whoever may write there may also change keys. */
export async function rememberSetup(
  cacheFolder: string,
  {
    content,
    circuitHash,
    report,
  }: { readonly content: string; readonly circuitHash: Hex; readonly report: SetupReport },
): Promise<KnownSetup> {
  const { keyId, transcriptHash, contributors } = report;
  const known: KnownSetup = {
    version: VERSION,
    content,
    keyId,
    class: report.class,
    circuitHash,
    transcriptHash,
    contributors: [...contributors],
  };
  const path = fileOf(cacheFolder, content);
  await mkdir(join(cacheFolder, "verified-keys"), { recursive: true });
  const part = `${path}.${randomUUID()}.part`;
  try {
    await writeFile(part, utf8(canonicalJson(known)), { mode: 0o600, flush: true });
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  return known;
}
