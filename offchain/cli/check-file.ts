// SPDX-License-Identifier: GPL-3.0-or-later
import { renameSync, statSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { fromHex, toHex, type Hex } from "../core/bytes.ts";
import { domainSeparator } from "../core/eip712.ts";
import { modelId } from "../core/model.ts";
import { jobTable } from "../core/network-part.ts";
import type { ModelManifest } from "../core/types.ts";
import { encodeKeyRecord } from "../core/zk/key-record.ts";
import { linearFactors, SEED_BYTES, type LinearCheckProof } from "../core/zk/linear-check.ts";
import { assertKeyClass, openKey } from "../core/zk/verifying-key.ts";
import { LinearCheck } from "../engines/she/client/linear-check.ts";
import { readJson } from "./connection.ts";
import { CliError } from "./errors.ts";
import { json } from "./json.ts";
import { writeNewFile } from "./new-file.ts";

const hexOf = (bytes: number) =>
  z.string().regex(new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`, "u")).transform((text): Hex => text as Hex); // prettier-ignore
const elements = z.array(z.string().regex(/^\d{1,78}$/).transform(BigInt)).max(1 << 20); // prettier-ignore
const count = z.int().nonnegative();

const schema = z.strictObject({
  version: z.literal(1),
  chainId: count,
  hub: hexOf(20),
  modelId: hexOf(32),
  stage: count.max(255),
  /** Whose allowance it is of. */
  client: hexOf(20),
  ops: z.array(count).min(1).max(64),
  /** Secret: whoever evaluates the stage and knows it can lie to the check. */
  seed: hexOf(SEED_BYTES),
  /** Null while it is asked for: the same seed is asked with again. */
  told: z.nullable(
    z.strictObject({
      circuitHash: hexOf(32),
      operators: z.array(z.strictObject({ op: count, rows: count, columns: count, weights: count })).max(64),
      key: z.string().regex(/^0x([0-9a-f]{2})*$/).transform((text): Hex => text as Hex), // prettier-ignore
      inDigest: hexOf(32),
      outDigest: hexOf(32),
      u: elements,
      proof: elements,
    }),
  ),
});

/** A linear check of private weights as its client keeps it. Secret as a whole. */
export type CheckFile = z.infer<typeof schema>;

/** Errors: FILE_UNREADABLE, KEY_FILE_OPEN. */
export function readCheckFile(path: string): CheckFile {
  const parsed = schema.safeParse(readJson(path));
  if (!parsed.success)
    throw new CliError("FILE_UNREADABLE", { path, why: "it is no linear check of `assay cipher check`" });
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0) throw new CliError("KEY_FILE_OPEN", { path, mode: mode.toString(8) });
  return parsed.data;
}

/** Before anything is asked: a lost answer is free under its seed only. Errors: FILE_EXISTS, FILE_UNWRITABLE. */
export const createCheckFile = (path: string, file: CheckFile): void => writeNewFile(path, `${json(file)}\n`, 0o600);

/** At once or not at all. */
export function replaceCheckFile(path: string, file: CheckFile): void {
  writeFileSync(`${path}.new`, `${json(file)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** What the owner told. */
export function toldOf({ proof: words, ...given }: LinearCheckProof): NonNullable<CheckFile["told"]> {
  const { circuitHash, operators, key, statement, words: own } = given;
  return {
    circuitHash,
    operators: operators.map(({ op, rows, columns, weights }) => ({ op, rows, columns, weights })),
    key: toHex(encodeKeyRecord(key.record)),
    inDigest: statement.inDigest,
    outDigest: statement.outDigest,
    u: [...own.u],
    proof: [...words],
  };
}

/**
 * The checks in a file, by operator, each verified again: r from the file's own seed, u by its owner's proof for the weights that `manifest`
 * commits to. Errors: CHECKS_UNFIT; those of `openKey` and `LinearCheck.proven`; KEY_DEVELOPMENT.
 */
export function provenChecks(
  path: string,
  file: CheckFile,
  manifest: ModelManifest,
  at: { readonly chainId: number; readonly hub: Hex },
): ReadonlyMap<number, LinearCheck> {
  const { told, stage, client, ops, seed, chainId, hub } = file;
  const unfit = (why: string) => new CliError("CHECKS_UNFIT", { path, why });
  if (told === null) throw unfit("they were asked for and not answered");
  if (file.modelId !== modelId(manifest)) throw unfit("they are of another model");
  if (chainId !== at.chainId || hub !== at.hub.toLowerCase()) throw unfit("they are of another deployment");
  const info = jobTable(manifest)[stage];
  if (info === undefined) throw unfit(`the model has no stage ${stage}`);
  const key = openKey(told.key, info.keyId);
  assertKeyClass(key, BigInt(chainId));
  const scope = { modelId: file.modelId, stage, client };
  const { circuitHash, operators, inDigest, outDigest, u, proof } = told;
  const given: LinearCheckProof = {
    key,
    circuitHash,
    operators,
    domain: domainSeparator({ chainId: BigInt(chainId), hub }),
    statement: { ...scope, inDigest, outDigest },
    words: { r: linearFactors(fromHex(seed), scope, operators, ops), u },
    weights: { x: BigInt(info.weightsX), y: BigInt(info.weightsY) },
    proof,
  };
  return new Map(ops.map((op) => [op, LinearCheck.proven(given, op)]));
}
