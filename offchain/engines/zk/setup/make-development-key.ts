// SPDX-License-Identifier: GPL-3.0-or-later
import { setImmediate } from "node:timers/promises";
import { BACKEND_ONE_ROUND, BACKEND_WEIGHTS } from "../../../core/zk/key-record.ts";
import { GROUP_ROUND1, GROUP_WEIGHTS, type KeyGroup } from "../keys/groups-file.ts";
import { G1_BYTES, G2_BYTES, type Zkey } from "../keys/zkey-file.ts";
import { FIELD_BYTES } from "../r1cs/field-words.ts";
import type { WireRange } from "../r1cs/r1cs.ts";
import type { SetupOptions } from "./development-setup.ts";
import { developmentRecord } from "./development-record.ts";
import { evaluateQap } from "./evaluate-qap.ts";
import { elementBytes, FieldArithmetic } from "./field-arithmetic.ts";
import { kernelSource } from "./kernel-source.ts";
import { multiplyGenerators } from "./multiply-generators.ts";
import { backendOf, committedWires, type SetupCircuit } from "./setup-circuit.ts";
import { developmentTrapdoor } from "./trapdoor.ts";
import { WasmKernel } from "./wasm-kernel.ts";

export interface DevelopmentKey {
  /** Encoded, class DEVELOPMENT. */
  readonly record: Uint8Array;
  readonly zkey: Zkey;
  readonly groups: readonly KeyGroup[];
}

export interface MakeOptions {
  readonly threads: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: SetupOptions["onProgress"] | undefined;
  /** Leaves the committed wires' points in section 8: a key on purpose broken, for the tests of the strip rule alone. */
  readonly unstripped?: boolean;
  /** One delta for the weights and round 1, broken on purpose as well. */
  readonly sharedDelta?: boolean;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Cuts consecutive parts off an array of points. */
class Cutter {
  readonly #points: Uint8Array;
  #at = 0;

  constructor(points: Uint8Array) {
    this.#points = points;
  }

  take(length: number): Uint8Array {
    return this.#points.subarray(this.#at, (this.#at += length));
  }
}

/** The proving part of a development key, in memory. Nothing is checked: `developmentSetup` does that to what it wrote. */
export async function makeDevelopmentZkey(
  circuit: SetupCircuit,
  options: MakeOptions,
): Promise<Omit<DevelopmentKey, "record">> {
  const { r1cs, circuitHash } = circuit;
  const groups = committedWires(circuit);
  const { threads, signal, onProgress, unstripped = false, sharedDelta = false } = options;
  const secrets = developmentTrapdoor(circuitHash);
  const trapdoor = sharedDelta ? { ...secrets, deltaWeights: secrets.delta1 } : secrets;
  const source = await kernelSource();
  const field = new FieldArithmetic(await WasmKernel.open(source.code));
  const breathe = async (done: number): Promise<void> => {
    onProgress?.("evaluate", done);
    await setImmediate();
    signal?.throwIfAborted();
  };
  const qap = await evaluateQap(field, r1cs, groups, trapdoor, { breathe });
  // Broken on purpose: the same points over delta2, as a ceremony without the strip rule would publish them.
  const second = unstripped
    ? (await evaluateQap(field, r1cs, groups, { ...trapdoor, delta1: trapdoor.delta2 }, { breathe })).ck
    : undefined;

  const header = [trapdoor.alpha, trapdoor.beta, trapdoor.delta1, trapdoor.delta2, trapdoor.deltaWeights];
  const scalars = header.map(elementBytes);
  const points = await multiplyGenerators(
    source,
    {
      g1: join([...scalars, qap.a, qap.b, qap.ck, qap.h, second ?? new Uint8Array()]),
      g2: join([elementBytes(1n), ...scalars.slice(1), qap.b]),
    },
    { threads, signal, onProgress: (done) => onProgress?.("multiply", done) },
  );

  const [cut1, cut2] = [new Cutter(points.g1), new Cutter(points.g2)];
  const g1 = (count = 1): Uint8Array => cut1.take(count * G1_BYTES);
  const g2 = (count = 1): Uint8Array => cut2.take(count * G2_BYTES);
  const [alpha1, beta1, round1Delta1, delta1, weightsDelta1] = [g1(), g1(), g1(), g1(), g1()];
  const [gamma2, beta2, round1Delta2, delta2, weightsDelta2] = [g2(), g2(), g2(), g2(), g2()];
  const { wires } = r1cs;
  const { publics, domain } = qap;
  const [a, b1, ck, h] = [g1(wires), g1(wires), g1(wires), g1(domain)];
  const b2 = g2(wires);

  const group = (tag: KeyGroup["tag"], range: WireRange, d1: Uint8Array, d2: Uint8Array): KeyGroup => ({
    tag,
    delta1: d1,
    delta2: d2,
    wires: Uint32Array.from({ length: range.count }, (_, i) => range.from + i),
    points: ck.slice(range.from * G1_BYTES, (range.from + range.count) * G1_BYTES),
  });
  const backend = backendOf(circuit);
  const keyGroups = [
    ...(backend === BACKEND_WEIGHTS ? [group(GROUP_WEIGHTS, groups.weights, weightsDelta1, weightsDelta2)] : []),
    ...(backend === BACKEND_ONE_ROUND ? [] : [group(GROUP_ROUND1, groups.round1, round1Delta1, round1Delta2)]),
  ];
  const c = (second === undefined ? ck : g1(wires)).slice((publics + 1) * G1_BYTES);
  if (second === undefined)
    for (const wire of keyGroups.flatMap((committed) => [...committed.wires])) {
      const at = (wire - publics - 1) * G1_BYTES;
      c.fill(0, at, at + G1_BYTES);
    }
  const zkey: Zkey = {
    wires,
    publics,
    domain,
    alpha1,
    beta1,
    beta2,
    gamma2,
    delta1,
    delta2,
    coefficients: qap.coefficients,
    ic: ck.slice(0, (publics + 1) * G1_BYTES),
    a,
    b1,
    b2,
    c,
    h,
    // No phase 2 took place: an empty transcript over no circuit hash.
    transcript: new Uint8Array(2 * FIELD_BYTES + 4),
  };
  return { zkey, groups: keyGroups };
}

/** `makeDevelopmentZkey` with its record. */
export async function makeDevelopmentKey(circuit: SetupCircuit, options: MakeOptions): Promise<DevelopmentKey> {
  const parts = await makeDevelopmentZkey(circuit, options);
  return { record: developmentRecord(circuit, parts), ...parts };
}
