// SPDX-License-Identifier: GPL-3.0-or-later
import { z } from "zod";
import { toHex, type Hex } from "../../core/bytes.ts";
import { keccak256 } from "../../core/keccak.ts";
import { AuditError } from "../errors.ts";
import { classOf, MANIFEST_FILE, MAX_BUNDLE_BYTES, MAX_FILES } from "./artefacts.ts";

export interface BundleFile {
  readonly path: string;
  readonly class: string;
  readonly bytes: number;
  readonly hash: Hex;
}

/** What a bundle is of, and the hash of everything in it. */
export interface BundleManifest {
  readonly format: "assay.bundle";
  readonly version: 1;
  readonly chainId: number;
  readonly hub: Hex;
  /** The deployment's first block; blocks are recorded from 0 on. */
  readonly fromBlock: number;
  readonly toBlock: number;
  readonly headHash: Hex;
  /** Jobs that the bundle makes claims about, in the order of their requests. */
  readonly jobs: readonly Hex[];
  /** By path. */
  readonly files: readonly BundleFile[];
}

export const BUNDLE_VERSION = 1;

export const hexOf = (bytes: number) =>
  z.custom<Hex>((x) => typeof x === "string" && new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`).test(x));
const block = z
  .number()
  .int()
  .nonnegative()
  .max(2 ** 31);

const schema = z.strictObject({
  format: z.literal("assay.bundle"),
  version: z.literal(BUNDLE_VERSION),
  chainId: z
    .number()
    .int()
    .positive()
    .max(2 ** 48),
  hub: hexOf(20),
  fromBlock: block,
  toBlock: block,
  headHash: hexOf(32),
  jobs: z.array(hexOf(32)).max(MAX_FILES),
  files: z
    .array(z.strictObject({ path: z.string().max(200), class: z.string(), bytes: block, hash: hexOf(32) }))
    .max(MAX_FILES),
});

const refuse = (why: string, artefact = MANIFEST_FILE) => new AuditError("BUNDLE_INVALID", { artefact, why });

export const encodeBundleManifest = (manifest: BundleManifest): Uint8Array =>
  new TextEncoder().encode(`${JSON.stringify(manifest, null, 1)}\n`);

/** What names a whole bundle: the hash of its manifest. */
export const bundleRoot = (manifestBytes: Uint8Array): Hex => toHex(keccak256(manifestBytes));

/**
 * Reads a manifest from anyone. One spelling only; every file has a class by its place, and a size that the class allows.
 * Errors: BUNDLE_INVALID, BUNDLE_VERSION.
 */
export function decodeBundleManifest(bytes: Uint8Array): BundleManifest {
  let given: unknown;
  try {
    given = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw refuse("it is no JSON");
  }
  const version = (given as { version?: unknown } | null)?.version;
  if (typeof version === "number" && version !== BUNDLE_VERSION)
    throw new AuditError("BUNDLE_VERSION", { have: version, want: BUNDLE_VERSION });
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refuse(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "malformed"}`);
  }
  const manifest: BundleManifest = parsed.data;
  if (Buffer.compare(encodeBundleManifest(manifest), bytes) !== 0) throw refuse("it is not in its one spelling");
  if (manifest.fromBlock > manifest.toBlock) throw refuse("it ends before it begins");
  if (new Set(manifest.jobs).size !== manifest.jobs.length) throw refuse("a job stands there twice");
  let total = 0;
  let last = "";
  for (const { path, class: name, bytes: size } of manifest.files) {
    const found = classOf(path);
    // Places are a grammar, so none leads out of the folder.
    if (found === undefined) throw refuse("no artefact has this place", JSON.stringify(path));
    if (found.name !== name) throw refuse(`it is of class ${found.name}, not ${name}`, path);
    if (size > found.maxBytes) throw refuse(`${size} bytes; its class has at most ${found.maxBytes}`, path);
    if (path <= last) throw refuse("files are not in order", path);
    last = path;
    total += size;
  }
  if (total > MAX_BUNDLE_BYTES) throw refuse(`${total} bytes in all; at most ${MAX_BUNDLE_BYTES}`);
  return manifest;
}
