// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { ADDON_FILE, BUILD_COMMAND, BUILDS, hashSources, STATUS_FILE } from "../native/sources.mjs";

declare const SESSION: unique symbol;
declare const KERNELS: unique symbol;

/** A thread of the addon with its pool, and the key it opened. Closed when it is no longer reachable, too. */
export interface NativeSession {
  readonly [SESSION]: true;
}

/** The kernels of one instruction set, for tests. */
export interface NativeKernels {
  readonly [KERNELS]: true;
}

export type NativeGroup = "g1" | "g2";
export type NativePath = "ifma" | "adx" | "portable";

/** What an opened key says of itself: see KeyHeader in native/key/key.h. Points are in the key's form. */
export interface NativeKeyHeader {
  readonly wires: number;
  readonly publics: number;
  readonly residentBytes: number;
  readonly proofBytes: number;
  readonly alpha1: Uint8Array;
  readonly beta1: Uint8Array;
  readonly beta2: Uint8Array;
  readonly gamma2: Uint8Array;
  readonly delta1: Uint8Array;
  readonly delta2: Uint8Array;
  readonly ic: Uint8Array;
  readonly groups: readonly { readonly tag: 1 | 2; readonly delta1: Uint8Array; readonly delta2: Uint8Array }[];
}

export interface NativeProof {
  readonly a: Uint8Array;
  readonly b: Uint8Array;
  readonly c1: Uint8Array;
  readonly c2: Uint8Array;
}

type Listener = ((step: string, done: number) => void) | undefined;

/**
 * The addon's functions (native/addon). Errors carry `code`: those of ProverError, CANCELLED, and ARGUMENT for what no typed caller
 * passes. Promises are of a session's own thread, which does one thing after the other; bytes are copied when a function is called.
 */
export interface NativeAddon {
  /** What this machine runs, the fastest first. */
  paths(): NativePath[];
  openSession(path: NativePath, threads: number): NativeSession;
  /** Promises under way reject with CANCELLED. */
  cancelSession(session: NativeSession): void;
  /** Promises under way reject with PROVER_CLOSED; resolves when threads and memory are gone, secrets wiped. */
  closeSession(session: NativeSession): Promise<void>;

  /** Once a session. `memory`: the most bytes that key and proof may take. */
  openKey(session: NativeSession, zkey: string, groups: string, memory: number): Promise<NativeKeyHeader>;
  /** Under a fresh blind that stays inside, called `number`. */
  commit(session: NativeSession, values: Uint8Array, listener?: Listener): Promise<NativeCommitment>;
  commitWeights(
    session: NativeSession,
    values: Uint8Array,
    blind: Uint8Array,
    listener?: Listener,
  ): Promise<Uint8Array>;
  /** Spends the commitment; 0 for keys that commit to nothing. `point` and `blind` are of the weights' commitment. */
  finish(
    session: NativeSession,
    number: number,
    values: Uint8Array,
    point: Uint8Array | undefined,
    blind: Uint8Array | undefined,
    listener?: Listener,
  ): Promise<NativeProof>;
  discard(session: NativeSession, number: number): void;

  /** `trapdoor`: τ, α, β, δ1, δ2, δw of 32 bytes each. The files' bytes. */
  developmentKey(
    session: NativeSession,
    r1cs: Uint8Array,
    weightsFrom: number,
    weightsCount: number,
    round1From: number,
    round1Count: number,
    trapdoor: Uint8Array,
    listener?: Listener,
  ): Promise<{ readonly zkey: Uint8Array; readonly groups: Uint8Array }>;

  /** Indices of the points that are not of their group; see native/verify.h for the bytes of these two. */
  findStrangers(session: NativeSession, group: NativeGroup, points: Uint8Array): Promise<number[]>;
  /** Term i takes the next counts[i] points and scalars. */
  productIsOne(
    session: NativeSession,
    points: Uint8Array,
    scalars: Uint8Array,
    counts: Uint32Array,
    g2: Uint8Array,
  ): Promise<boolean>;

  /** All below are for tests, and check what the kernels take for granted; see native/kernels.h. */
  openKernels(path: NativePath, threads: number): NativeKernels;
  field(
    kernels: NativeKernels,
    field: "base" | "scalar",
    operation: "add" | "subtract" | "multiply" | "negate" | "invert" | "toMontgomery" | "fromMontgomery",
    a: Uint8Array,
    b?: Uint8Array,
  ): Uint8Array;
  firstBadPoint(kernels: NativeKernels, group: NativeGroup, points: Uint8Array): number;
  sum(
    kernels: NativeKernels,
    group: NativeGroup,
    points: Uint8Array,
    scalars: Uint8Array,
    scalarOf?: Uint32Array,
    pointOf?: Uint32Array,
  ): Uint8Array;
  multiplyBase(kernels: NativeKernels, group: NativeGroup, base: Uint8Array, scalars: Uint8Array): Uint8Array;
  addMultiple(
    kernels: NativeKernels,
    group: NativeGroup,
    sum: Uint8Array,
    point: Uint8Array,
    scalar: Uint8Array,
  ): Uint8Array;
  quotient(
    kernels: NativeKernels,
    logDomain: number,
    ...rest: [
      ...a: [offsets: Uint32Array, wires: Uint32Array, coefficients: Uint32Array],
      ...b: [offsets: Uint32Array, wires: Uint32Array, coefficients: Uint32Array],
      constants: Uint8Array,
      witness: Uint8Array,
    ]
  ): Uint8Array;
  pairsToOne(kernels: NativeKernels, g1: Uint8Array, g2: Uint8Array): boolean;
  inSubgroup(kernels: NativeKernels, point: Uint8Array): boolean;
}

export interface NativeCommitment {
  readonly number: number;
  readonly point: Uint8Array;
}

/** The addon, or why there is none and what to do. */
export type FoundAddon =
  | { readonly addon: NativeAddon; readonly paths: readonly NativePath[]; readonly reason?: undefined }
  | { readonly addon?: undefined; readonly reason: string; readonly fix: string };

type Status =
  | { readonly state: "built"; readonly key: string; readonly sources: string }
  | { readonly state: "failed"; readonly sources: string; readonly reason: string; readonly fix: string };

const BUILD_FIX = `run \`${BUILD_COMMAND}\``;

function readStatus(builds: string): Status | undefined {
  try {
    return JSON.parse(readFileSync(join(builds, STATUS_FILE), "utf8")) as Status;
  } catch {
    return undefined;
  }
}

function find(builds: string): FoundAddon {
  const status = readStatus(builds);
  if (status === undefined) return { reason: "it was not built on this machine", fix: BUILD_FIX };
  if (status.sources !== hashSources()) return { reason: "its sources changed since it was built", fix: BUILD_FIX };
  if (status.state === "failed") return { reason: `it could not be built: ${status.reason}`, fix: status.fix };
  try {
    const addon = createRequire(import.meta.url)(join(builds, status.key, ADDON_FILE)) as NativeAddon;
    const paths = addon.paths();
    return { addon, paths };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    return { reason: `it does not load: ${reason}`, fix: `delete ${builds} and ${BUILD_FIX}` };
  }
}

let found: FoundAddon | undefined;

/** Looks once a process for what `scripts/native/build.mjs` built from exactly these sources. `builds`: for tests, looked at each time. */
export function findNativeAddon(builds?: string): FoundAddon {
  if (builds !== undefined) return find(builds);
  found ??= find(BUILDS);
  return found;
}
