// SPDX-License-Identifier: GPL-3.0-or-later
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeKeyRecord, encodeKeyRecord, KEY_DEVELOPMENT } from "../../../../../offchain/core/zk/key-record.ts";
import type { G1Point } from "../../../../../offchain/core/zk/points.ts";
import type { Proof } from "../../../../../offchain/core/zk/proof.ts";
import { satisfiesKey } from "../../../../../offchain/core/zk/verify-proof.ts";
import { openKey } from "../../../../../offchain/core/zk/verifying-key.ts";
import { GROUP_ROUND1, GROUP_WEIGHTS } from "../../../../../offchain/engines/zk/keys/groups-file.ts";
import { g1OfLem, g2OfLem } from "../../../../../offchain/engines/zk/keys/lem-points.ts";
import type {
  NativeAddon,
  NativeKeyHeader,
  NativePath,
  NativeProof,
  NativeSession,
} from "../../../../../offchain/engines/zk/prover/native-addon.ts";
import { uniformScalar } from "../../../../../offchain/engines/zk/prover/uniform-scalar.ts";
import { elementBytes } from "../../../../../offchain/engines/zk/setup/field-arithmetic.ts";
import {
  backendOf,
  committedWires,
  keyBoundaries,
  type SetupCircuit,
} from "../../../../../offchain/engines/zk/setup/setup-circuit.ts";
import { developmentTrapdoor } from "../../../../../offchain/engines/zk/setup/trapdoor.ts";
import { writeR1cs } from "../../../../../offchain/engines/zk/r1cs/write-r1cs.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { integers, join as joinBytes } from "./reference.ts";

export interface KeyBytes {
  readonly zkey: Uint8Array;
  readonly groups: Uint8Array;
}

/** τ, α, β, δ1, δ2, δw as the addon takes them. */
export function trapdoorBytes({ circuitHash }: Pick<SetupCircuit, "circuitHash">): Uint8Array {
  const { tau, alpha, beta, delta1, delta2, deltaWeights } = developmentTrapdoor(circuitHash);
  return joinBytes([tau, alpha, beta, delta1, delta2, deltaWeights].map(elementBytes));
}

/** A circuit's development key, made by the addon. */
export async function makeNatively(
  addon: NativeAddon,
  session: NativeSession,
  circuit: SetupCircuit,
): Promise<KeyBytes> {
  const { weights, round1 } = committedWires(circuit);
  const ranges = [weights.from, weights.count, round1.from, round1.count] as const;
  return addon.developmentKey(session, writeR1cs(circuit.r1cs), ...ranges, trapdoorBytes(circuit));
}

export interface FilesOnDisk {
  readonly folder: string;
  readonly zkey: string;
  readonly groups: string;
}

/** Writes a key's files over those of `files`, or into a fresh folder. */
export function writeKey({ zkey, groups }: KeyBytes, folder = temporaryFolder()): FilesOnDisk {
  const files = { folder, zkey: join(folder, "key.zkey"), groups: join(folder, "key.groups") };
  writeFileSync(files.zkey, zkey);
  writeFileSync(files.groups, groups);
  return files;
}

/** A key that is open in a session of its own. */
export interface OpenKey {
  readonly session: NativeSession;
  readonly header: NativeKeyHeader;
}

const MEMORY = 1 << 30;

/** Opens a key; the session of one that is refused is closed. */
export async function openFiles(
  addon: NativeAddon,
  path: NativePath,
  files: Pick<FilesOnDisk, "zkey" | "groups">,
  { threads = 2, memory = MEMORY } = {},
): Promise<OpenKey> {
  const session = addon.openSession(path, threads);
  try {
    return { session, header: await addon.openKey(session, files.zkey, files.groups, memory) };
  } catch (error) {
    await addon.closeSession(session);
    throw error;
  }
}

export interface FullProof {
  readonly proof: Proof;
  readonly weights: G1Point | undefined;
}

const pointsOf = ({ a, b, c1, c2 }: NativeProof): Proof => ({
  a: g1OfLem(a),
  b: g2OfLem(b),
  c1: g1OfLem(c1),
  c2: g1OfLem(c2),
});

/** Commits to whatever the key commits to and finishes. The challenge is in `values` already: no one checks here where it came from. */
export async function proveAll(
  addon: NativeAddon,
  { session, header }: OpenKey,
  values: Uint8Array,
): Promise<FullProof> {
  const has = (tag: number): boolean => header.groups.some((group) => group.tag === tag);
  const { number } = has(GROUP_ROUND1) ? await addon.commit(session, values) : { number: 0 };
  const blind = has(GROUP_WEIGHTS) ? uniformScalar() : undefined;
  const point = blind && (await addon.commitWeights(session, values, blind));
  const proof = await addon.finish(session, number, values, point, blind);
  return { proof: pointsOf(proof), weights: point && g1OfLem(point) };
}

/** Whether the verifier's equation holds under the record that this key and circuit make. */
export function holds(
  circuit: SetupCircuit,
  { header }: OpenKey,
  { proof, weights }: FullProof,
  inputs: readonly bigint[],
): boolean {
  const delta = (tag: number, name: "delta1" | "deltaWeights") => {
    const found = header.groups.find((group) => group.tag === tag);
    return found === undefined ? {} : { [name]: g2OfLem(found.delta2) };
  };
  const record = encodeKeyRecord({
    cls: KEY_DEVELOPMENT,
    backend: backendOf(circuit),
    boundaries: keyBoundaries(circuit),
    circuitHash: circuit.circuitHash,
    transcriptHash: `0x${"00".repeat(32)}`,
    alpha: g1OfLem(header.alpha1),
    beta: g2OfLem(header.beta2),
    ...delta(GROUP_ROUND1, "delta1"),
    delta2: g2OfLem(header.delta2),
    ...delta(GROUP_WEIGHTS, "deltaWeights"),
    ic: Array.from({ length: header.publics + 1 }, (_, i) => g1OfLem(header.ic.slice(64 * i, 64 * i + 64))),
  });
  decodeKeyRecord(record);
  return satisfiesKey({ key: openKey(record), proof, inputs, weights });
}

/** The values of public wires, without wire 0. */
export const publicsOf = (values: Uint8Array, { header }: OpenKey): bigint[] =>
  integers(values.slice(32, 32 * (header.publics + 1)));
