// SPDX-License-Identifier: GPL-3.0-or-later
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { KIND_PUBLIC, PLACE_NETWORK, VOTE, ZERO_BYTES32, type ModelManifest } from "../core/types.ts";
import { keyIdOf } from "../core/zk/key-record.ts";
import type { Hex } from "../protocol/ports.ts";

/**
 * Ids of the keys that the operator put into `folder`, one folder each. A key's class is its own word, and anyone may register one: that
 * it is here says that somebody ran `verify-setup` on it.
 */
export async function heldKeys(folder: string): Promise<ReadonlySet<Hex>> {
  const names: readonly string[] = await readdir(folder).catch(() => []);
  const records = await Promise.all(
    names.map(async (name) => readFile(join(folder, name, "key.record")).catch(() => null)),
  );
  return new Set(records.flatMap((record) => (record === null ? [] : [keyIdOf(new Uint8Array(record))])));
}

/**
 * The first stage in which a proof under a key that is not held could overrule an honest vote; undefined if there is none. Whoever made
 * such a key may know its secrets, or speak of another program than the seats run. Whether a held key is of the stage's circuit, holds,
 * and its committed weights are the model's, `KeyChecks` decides stage by stage.
 */
export function unsafeStage({ acceptedMasks, stages }: ModelManifest, held: ReadonlySet<Hex>): number | undefined {
  const isVoted = Array.from({ length: 32 }, (_, mask) => mask).some(
    (mask) => (mask & VOTE) !== 0 && ((acceptedMasks >>> mask) & 1) === 1,
  );
  const found = stages.findIndex(({ place, outKind, keyId }) => {
    const isJudged = isVoted && place === PLACE_NETWORK && outKind === KIND_PUBLIC && keyId !== ZERO_BYTES32;
    return isJudged && !held.has(keyId);
  });
  return found < 0 ? undefined : found;
}
