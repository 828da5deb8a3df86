// SPDX-License-Identifier: GPL-3.0-or-later
import { joinBytes, type Hex } from "../../../core/bytes.ts";
import { decodeKeyRecord, type KeyRecord } from "../../../core/zk/key-record.ts";
import { checkKeyHead } from "../keys/check-key.ts";
import { readKeyFile, type KeyFiles } from "../keys/key-files.ts";
import type { NativeAddon, NativeKeyHeader, NativeKernels, NativePath, NativeSession } from "./native-addon.ts";
import { typedNativeError } from "./native-errors.ts";
import type { OpenOptions } from "./prover.ts";

const MIB = 1 << 20;

export interface OpenedNativeKey {
  readonly session: NativeSession;
  readonly header: NativeKeyHeader;
  readonly record: KeyRecord;
}

/**
 * A session with a key (of circuit `circuitHash` if given) that passed every check of `openKeyFiles`, and whose points of G2 are of order r besides. Whoever opens it closes
 * the session. Errors: ZKEY_MALFORMED, GROUPS_MALFORMED, KEY_MALFORMED, KEY_DEGENERATE, KEY_UNSOUND, CIRCUIT_TOO_LARGE, PROVER_MEMORY.
 */
export async function openNativeKey(
  addon: NativeAddon,
  path: NativePath,
  files: KeyFiles,
  { memoryMiB, threads }: OpenOptions,
  circuitHash?: Hex,
): Promise<OpenedNativeKey> {
  let session: NativeSession | undefined;
  try {
    session = addon.openSession(path, threads);
    const header = await addon.openKey(session, files.zkey, files.groups, memoryMiB * MIB);
    const record = decodeKeyRecord(await readKeyFile(files.record));
    const kernels = kernelsOf(addon, path);
    checkKeyHead({ zkey: header, groups: header.groups, record }, circuitHash, (g1, g2) =>
      addon.pairsToOne(kernels, joinBytes(g1), joinBytes(g2)),
    );
    return { session, header, record };
  } catch (error) {
    if (session !== undefined) await addon.closeSession(session);
    throw typedNativeError(error, memoryMiB);
  }
}

const opened = new Map<NativePath, NativeKernels>();

function kernelsOf(addon: NativeAddon, path: NativePath): NativeKernels {
  const kernels = opened.get(path) ?? addon.openKernels(path, 1);
  opened.set(path, kernels);
  return kernels;
}
