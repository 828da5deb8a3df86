// SPDX-License-Identifier: GPL-3.0-or-later
import { batchRoot } from "../core/batch.ts";
import { boundaryDigest, decodeBatch, encodeBatch } from "../core/batch-tensors.ts";
import { equalBytes } from "../core/bytes.ts";
import { joinDigest, saltBytes } from "../core/digest.ts";
import { isAssayError } from "../core/errors.ts";
import { digestParts } from "../core/input-parts.ts";
import { encodeSealedInput, JOB_INPUT, type InputPart, type SealedInput } from "../core/sealed-input.ts";
import { decodeTensor, type Tensor } from "../core/tensor.ts";
import { KIND_CIPHER, type DigestKind, type StageInfo } from "../core/types.ts";
import { cipherDigestOf, encodeKeys, type HeldKeys } from "./cipher-stage.ts";
import type { Hex } from "./ports.ts";
import { rowDigest } from "./row-results.ts";
import { ABSTAIN_REASON } from "./said.ts";

export interface Materials {
  readonly inputs: readonly Tensor[];
  readonly salts: readonly (Uint8Array | undefined)[];
}

/** A boundary that comes in micro-batches, as far as it is here. */
interface Fed {
  readonly tensors: Uint8Array[];
  /** Their digests as leaves, as far as the salt was here when they came. */
  readonly leaves: (Hex | null)[];
}

/** How the rows of a boundary become leaves: kind of its digest, and the inputs of the batch (0: none). */
interface LeafForm {
  readonly kind: DigestKind;
  readonly count: number;
}

const EMPTY = new Uint8Array();

/** What a worker was given for its stage of one job. Nothing of it is believed until `digest` is the one that the chain names. */
export class HeldInputs {
  readonly #salts = new Map<number, Uint8Array>();
  /** Of a batch: all its tensors (`encodeBatch`). */
  readonly #tensors = new Map<number, Uint8Array>();
  /** Of batches, by boundary: thousands of digests are not taken again at every look. */
  readonly #digests = new Map<number, Hex>();
  readonly #fed = new Map<number, Fed>();
  #parts: readonly InputPart[] | null = null;
  #keys: HeldKeys | null = null;

  /** Of a joined job input. */
  get parts(): readonly InputPart[] | null {
    return this.#parts;
  }

  /** Of a stage over ciphertexts. */
  get keys(): HeldKeys | null {
    return this.#keys;
  }

  salt(boundary: number): Uint8Array | undefined {
    return this.#salts.get(boundary);
  }

  // --- Taking ------------------------------------------------------------------------------------------------------------

  /** Takes what a sealed input held; later senders may correct earlier ones. True if a salt is another one than before. */
  accept(input: SealedInput): boolean {
    this.#digests.clear();
    let isCorrected = false;
    for (const { boundary, salt } of input.salts) {
      const old = this.#salts.get(boundary);
      if (old !== undefined && !equalBytes(old, salt)) {
        isCorrected = true;
        this.#fed.get(boundary)?.leaves.fill(null);
      }
      this.#salts.set(boundary, salt);
    }
    for (const { boundary, tensor } of input.tensors) this.#tensors.set(boundary, tensor);
    if (input.parts !== undefined) this.#parts = input.parts;
    return isCorrected;
  }

  /** Takes a stage's keys, which were checked, and a ciphertext that came with them; whether it is the stage's is asked by its digest. */
  acceptKeys(keys: HeldKeys): void {
    this.#keys = keys;
    if (keys.input === null) return;
    this.#digests.delete(keys.boundary);
    this.#tensors.set(keys.boundary, keys.input);
  }

  /** Takes a public input, which needs no salt. */
  acceptPublic(tensor: Uint8Array): void {
    this.#digests.clear();
    this.#tensors.set(JOB_INPUT, tensor);
  }

  /** The next tensors of a boundary, encoded, in the order of the inputs. `form`: null while it is not known. */
  feed(boundary: number, tensors: readonly Uint8Array[], form: LeafForm | null): void {
    const fed = this.#fed.get(boundary) ?? { tensors: [], leaves: [] };
    this.#fed.set(boundary, fed);
    const salt = this.#salts.get(boundary);
    for (const bytes of tensors) {
      const isKnown = form !== null && (saltBytes(form.kind) === 0 || salt !== undefined);
      fed.leaves.push(isKnown ? rowDigest(form.kind, bytes, salt, fed.tensors.length, form.count) : null);
      fed.tensors.push(bytes);
    }
  }

  /** How many tensors of a boundary were fed. */
  fedCount(boundary: number): number {
    return this.#fed.get(boundary)?.tensors.length ?? 0;
  }

  /** All micro-batches are here: from now on they are the boundary's tensor, until somebody finds that it is the wrong one. */
  complete(boundary: number, count: number): void {
    const fed = this.#fed.get(boundary);
    if (fed === undefined) return;
    this.#digests.delete(boundary);
    this.#tensors.set(boundary, count > 0 ? encodeBatch(fed.tensors) : (fed.tensors[0] ?? EMPTY));
    const leaves = fed.leaves.flatMap((leaf) => leaf ?? []);
    const [only] = leaves;
    if (count > 0 && leaves.length === count) this.#digests.set(boundary, batchRoot(leaves));
    else if (count === 0 && only !== undefined) this.#digests.set(boundary, only);
  }

  /** What was fed is not what the boundary's seats voted for. */
  discard(boundary: number): void {
    this.#fed.delete(boundary);
    this.#tensors.delete(boundary);
    this.#digests.delete(boundary);
  }

  // --- Digests -----------------------------------------------------------------------------------------------------------

  /** Digest of a complete boundary; null while it, or its salt, is not here, and for a batch that is none. */
  boundaryDigest(boundary: number, kind: DigestKind, count: number): Hex | null {
    const tensor = this.#tensors.get(boundary);
    const salt = saltBytes(kind) === 0 ? undefined : this.#salts.get(boundary);
    if (tensor === undefined || (saltBytes(kind) > 0 && salt === undefined)) return null;
    const known = this.#digests.get(boundary);
    if (known !== undefined) return known;
    if (kind !== KIND_CIPHER && count === 0) return boundaryDigest(kind, tensor, salt, 0);
    try {
      const digest = kind === KIND_CIPHER ? cipherDigestOf(tensor) : boundaryDigest(kind, tensor, salt, count);
      this.#digests.set(boundary, digest);
      return digest;
    } catch (error) {
      if (isAssayError(error)) return null;
      throw error;
    }
  }

  /**
   * The digest of the stage's input, or null while a tensor or salt is missing or unusable. `count`: inputs of a batch, 0 if the job is
   * none. `mayJoin`: whether the job's input may be joined of parts, as with FLAG_JOIN and lanes.
   */
  digest(info: StageInfo, table: readonly StageInfo[], count: number, mayJoin: boolean): Hex | null {
    if (info.inKind === KIND_CIPHER && this.#keys === null) return null;
    if (saltBytes(info.outKind as DigestKind) > 0 && !this.#salts.has(table.indexOf(info))) return null;
    const held = info.producers.flatMap((producer) => {
      const kind = (producer === JOB_INPUT ? info.inKind : table[producer]?.outKind) as DigestKind;
      const digest =
        producer === JOB_INPUT && mayJoin && this.#parts !== null
          ? digestParts(kind, this.#parts)
          : this.boundaryDigest(producer, kind, count);
      return digest === null ? [] : [{ producer, kind, digest }];
    });
    if (held.length !== info.producers.length) return null;
    const [only] = held;
    return held.length === 1 && only !== undefined ? only.digest : joinDigest(held);
  }

  // --- Rows --------------------------------------------------------------------------------------------------------------

  /** Inputs of row `i` in the order of the producers, as soon as all of them are here. */
  row(producers: readonly number[], count: number, i: number): readonly Uint8Array[] | null {
    if (i >= Math.max(1, count)) return null;
    const held = producers.flatMap((producer) => {
      const fed = this.#fed.get(producer);
      if (fed !== undefined) return fed.tensors[i] ?? [];
      const whole = this.#tensors.get(producer);
      return (whole === undefined || count === 0 ? whole : decodeBatch(whole)[i]) ?? [];
    });
    return held.length > 0 && held.length === producers.length ? held : null;
  }

  /** Of every inference of the job, its inputs in the order of the producers; or why the seat abstains. */
  rows(
    { producers }: StageInfo,
    count: number,
    { joined, maxInputBytes }: { readonly joined: Uint8Array | undefined; readonly maxInputBytes: number },
  ): readonly (readonly Uint8Array[])[] | number {
    const columns: (readonly Uint8Array[])[] = [];
    try {
      for (const producer of producers) {
        const bytes = producer === JOB_INPUT && joined !== undefined ? joined : this.#tensors.get(producer);
        if (bytes === undefined) return ABSTAIN_REASON.input;
        const column = count === 0 ? [bytes] : decodeBatch(bytes);
        // A root over another number than the job names and pays for; or an input longer than any right one.
        if (column.length !== Math.max(1, count)) return ABSTAIN_REASON.size;
        if (column.some(({ length }) => length > maxInputBytes)) return ABSTAIN_REASON.size;
        columns.push(column);
      }
      for (const column of columns) for (const bytes of column) decodeTensor(bytes);
      return Array.from({ length: Math.max(1, count) }, (_, i) => columns.map((column) => column[i] ?? EMPTY));
    } catch (error) {
      if (isAssayError(error)) return ABSTAIN_REASON.input;
      throw error;
    }
  }

  // --- Giving ------------------------------------------------------------------------------------------------------------

  /** What a prover of the stage needs to know: tensors and salts, inputs in manifest order, then the output's salt. */
  materials(info: StageInfo, table: readonly StageInfo[]): Materials | null {
    const inputs = info.producers.flatMap((producer) => this.#tensors.get(producer) ?? []);
    if (inputs.length !== info.producers.length) return null;
    const salts = [...info.producers, table.indexOf(info)].map((boundary) => this.#salts.get(boundary));
    return { inputs: inputs.map((bytes) => decodeTensor(bytes)), salts };
  }

  /** What a stage over ciphertexts was evaluated with: its keys, and the tensor that it took. Null before both are here. */
  cipherMaterials(): { readonly keys: HeldKeys; readonly input: Uint8Array } | null {
    const input = this.#keys === null ? undefined : this.#tensors.get(this.#keys.boundary);
    return this.#keys === null || input === undefined ? null : { keys: this.#keys, input };
  }

  /** Everything, for fresh seats of the same stage. Null if there is no input. */
  forSameStage(stage: number): Uint8Array | null {
    if (this.#keys !== null) return encodeKeys(this.#keys, this.#tensors.get(this.#keys.boundary));
    if (this.#tensors.size === 0 && this.#parts === null) return null;
    const ofBoundaries = <T>(map: ReadonlyMap<number, T>): [number, T][] => [...map].toSorted(([a], [b]) => a - b);
    return encodeSealedInput({
      stage,
      salts: ofBoundaries(this.#salts).map(([boundary, salt]) => ({ boundary, salt })),
      tensors: ofBoundaries(this.#tensors).map(([boundary, tensor]) => ({ boundary, tensor })),
      ...(this.#parts === null ? {} : { parts: this.#parts }),
    });
  }

  wipe(): void {
    const fed = [...this.#fed.values()].flatMap(({ tensors }) => tensors);
    for (const bytes of [...this.#salts.values(), ...this.#tensors.values(), ...fed]) bytes.fill(0);
    for (const part of this.#parts ?? [])
      if ("tensor" in part) for (const bytes of [part.tensor, part.salt]) bytes.fill(0);
  }
}
