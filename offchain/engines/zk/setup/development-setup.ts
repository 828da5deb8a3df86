// SPDX-License-Identifier: GPL-3.0-or-later
import { randomUUID } from "node:crypto";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { toHex, utf8, type Hex } from "../../../core/bytes.ts";
import { ByteWriter } from "../../../core/byte-writer.ts";
import { isAssayError } from "../../../core/errors.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { BACKEND_ONE_ROUND } from "../../../core/zk/key-record.ts";
import { ProverError } from "../prover/errors.ts";
import { chooseProver, type ProverChoice } from "../prover/choose-prover.ts";
import {
  bytesOfKey,
  keyFilesIn,
  openKeyFiles,
  writeKeyFiles,
  type KeyBytes,
  type KeyFiles,
} from "../keys/key-files.ts";
import { FIRST_GROUPED_WIRE } from "../r1cs/r1cs.ts";
import { backendOf, type SetupCircuit } from "./setup-circuit.ts";

export interface SetupOptions {
  /** Default: the machine's. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (step: "evaluate" | "multiply" | "write" | "verify", done: number) => void;
  /** Told that keys with known secrets are being made: the caller logs it. */
  readonly onWarning?: (text: string) => void;
  /** What computes; the key is the same. */
  readonly prover?: ProverChoice;
}

export const DEVELOPMENT_WARNING =
  "DEVELOPMENT keys: their secrets are public, anyone can forge proofs under them. For local chains and tests only.";

function checkCircuit(circuit: SetupCircuit): void {
  const { r1cs, groups, circuitHash } = circuit;
  const publics = r1cs.outputs + r1cs.publicInputs;
  const bad = (reason: string) => new ProverError("CIRCUIT_UNFIT", { reason });
  if (!/^0x[0-9a-f]{64}$/.test(circuitHash)) throw bad("its hash is not 32 bytes of lower-case hex");
  if (backendOf(circuit) === BACKEND_ONE_ROUND) return;
  if (publics !== FIRST_GROUPED_WIRE - 1) throw bad(`it has ${publics} public wires instead of v, c, rho`);
  let next = FIRST_GROUPED_WIRE;
  for (const { from, count } of [groups.weights, groups.round1, groups.round2]) {
    if (count > 0 && from !== next) throw bad(`a group begins at wire ${from} instead of ${next}`);
    next += count;
  }
  if (next !== r1cs.wires) throw bad(`its groups cover ${next} of ${r1cs.wires} wires`);
  if (groups.round1.count === 0) throw bad("nothing is committed in round 1");
}

/** A circuit's key also depends on what its record says of the boundaries, and on the groups. */
function cacheName(circuit: SetupCircuit): string {
  const { groups, boundaries, circuitHash } = circuit;
  const writer = new ByteWriter().raw(utf8("assay.v1.zk.dev.cache")).u8(backendOf(circuit));
  for (const { from, count } of [groups.weights, groups.round1, groups.round2]) writer.u32be(from).u32be(count);
  for (const { direction, kind, dataLength, header } of boundaries)
    writer.u8(direction).u8(kind).u32be(dataLength).bytes(header);
  return `dev-${circuitHash.slice(2)}-${toHex(keccak256(writer.finish())).slice(2, 18)}`;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Checks a key and computes one. */
interface KeyMaker {
  /** Errors: those of `openKeyFiles`. */
  check(files: KeyFiles, circuitHash: Hex): Promise<void>;
  make(circuit: SetupCircuit, options: Pick<SetupOptions, "signal" | "onProgress">): Promise<KeyBytes>;
}

async function keyMaker({ threads = availableParallelism(), prover }: SetupOptions): Promise<KeyMaker> {
  const { native } = chooseProver(prover);
  if (native === null) {
    const { makeDevelopmentKey } = await import("./make-development-key.ts");
    return {
      check: async (files, circuitHash) => void (await openKeyFiles(files, circuitHash)),
      make: async (circuit, options) => {
        const { record, ...parts } = await makeDevelopmentKey(circuit, { threads, ...options });
        return bytesOfKey(record, parts);
      },
    };
  }
  const { checkNativeKey, makeNativeKey } = await import("./make-native-key.ts");
  return {
    check: (files, circuitHash) => checkNativeKey(native, files, { threads, circuitHash }),
    make: (circuit, options) => makeNativeKey(native, circuit, { threads, ...options }),
  };
}

/** A damaged key is as good as none: it can be made again. */
async function openCached(maker: KeyMaker, folder: string, circuitHash: Hex): Promise<KeyFiles | undefined> {
  if (!(await exists(folder))) return undefined;
  const files = keyFilesIn(folder);
  try {
    await maker.check(files, circuitHash);
    return files;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    await rm(folder, { recursive: true, force: true });
    return undefined;
  }
}

async function make(circuit: SetupCircuit, target: string, options: SetupOptions): Promise<KeyFiles> {
  const { circuitHash } = circuit;
  const maker = await keyMaker(options);
  const cached = await openCached(maker, target, circuitHash);
  if (cached !== undefined) return cached;
  options.onWarning?.(DEVELOPMENT_WARNING);
  const { signal, onProgress } = options;
  const bytes = await maker.make(circuit, options);
  const temporary = `${target}.${randomUUID()}`;
  onProgress?.("write", 0);
  await mkdir(join(target, ".."), { recursive: true });
  await writeKeyFiles(temporary, bytes);
  try {
    onProgress?.("verify", 0);
    // What later readers get is what was checked, not what was meant.
    await maker.check(keyFilesIn(temporary), circuitHash);
    signal?.throwIfAborted();
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // Another process was faster; the keys are the same everywhere.
    const winner = await openCached(maker, target, circuitHash);
    if (winner === undefined || signal?.aborted === true) throw error;
    return winner;
  }
  return keyFilesIn(target);
}

const running = new Map<string, Promise<KeyFiles>>();

/**
 * A DEVELOPMENT key of a circuit, two-round (with or without private weights) or one-round. Its secrets follow from the circuit's hash
 * (`developmentTrapdoor`): every machine makes the same key, and ANYONE CAN FORGE PROOFS under it; the record says class DEVELOPMENT,
 * which only the local chain accepts. Cached in `folder`; written to a temporary folder, read back, checked and renamed, so that callers at
 * the same time, also of other processes, see a whole key or none. Errors: CIRCUIT_UNFIT, CIRCUIT_TOO_LARGE, PROVER_CRASHED,
 * NATIVE_MISSING, the signal's reason.
 */
export async function developmentSetup(
  circuit: SetupCircuit,
  folder: string,
  options: SetupOptions = {},
): Promise<KeyFiles> {
  checkCircuit(circuit);
  const target = resolve(folder, cacheName(circuit));
  for (;;) {
    options.signal?.throwIfAborted();
    const other = running.get(target);
    if (other === undefined) break;
    // If the one who makes it gives up, the next one takes over.
    const files = await untilAborted(other, options.signal).catch((error: unknown) => {
      if (options.signal?.aborted === true) throw error;
      return undefined;
    });
    if (files !== undefined) return files;
  }
  const work = make(circuit, target, options).finally(() => running.delete(target));
  running.set(target, work);
  return work;
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((done, fail) => {
    const stop = (): void => fail(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
    work.then(done, fail).finally(() => signal.removeEventListener("abort", stop));
  });
}
