// SPDX-License-Identifier: MIT
import { toHex, type Hex } from "../../../core/bytes.ts";
import { encodeCipherParcel } from "../../../core/she/cipher-parcel.ts";
import { bodyRoot, wordTreeRoot } from "../../../core/she/digest.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";
import { decodeSheObject } from "../../../core/she/object.ts";
import type { ShePlan } from "../compile/plan.ts";
import { keyList } from "../trace/key-list.ts";
import type { SheClient } from "./she-client.ts";

/** Evaluation keys of one model under a client's secret, made once for one job after another. Takes about a second, on the caller's thread. */
export class JobKeys {
  /** What a job names as its keys (`inputRef`). */
  readonly keySetRoot: Hex;
  readonly #plan: ShePlan;
  readonly #bodies: readonly Hex[];
  readonly #keys: readonly Uint8Array[];

  /** Error: CLIENT_FORGOTTEN. */
  constructor(plan: ShePlan, client: SheClient, hashes: SheHashes) {
    this.#plan = plan;
    this.#keys = keyList(plan).map((key) => client.createKey(key));
    const bodies = this.#keys.map((key) => bodyRoot(decodeSheObject(key, hashes), hashes));
    this.#bodies = bodies.map(toHex);
    this.keySetRoot = toHex(wordTreeRoot(bodies, hashes));
  }

  /** What the seats of a stage are given; `input`: the ciphertext that it takes, null where the stage before makes it. */
  parcel(stage: number, input: Uint8Array | null): Uint8Array {
    const list = keyList(this.#plan);
    const keys = (this.#plan.stages[stage]?.keys ?? []).map(
      ({ galois, level }) =>
        this.#keys[list.findIndex((key) => key.galois === galois && key.level === level)] ?? new Uint8Array(0),
    );
    return encodeCipherParcel({ stage, keyBodies: this.#bodies, keys, input: input ?? new Uint8Array(0) });
  }
}
