// SPDX-License-Identifier: MIT
import { fromHex, toHex, type Hex } from "../../../core/bytes.ts";
import { bodyRoot, wordTreeRoot } from "../../../core/she/digest.ts";
import { SheError } from "../../../core/she/errors.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";
import { decodeSheObject, type SheObject } from "../../../core/she/object.ts";
import type { ShePlan } from "../compile/plan.ts";
import { keyList } from "../trace/key-list.ts";

/** A job's keys for one stage: bytes of strangers. */
export interface CipherKeys {
  /** The job's `inputRef`, and the body roots of all its keys, in the order of `keyList`. */
  readonly keySetRoot: Hex;
  readonly keyBodies: readonly Hex[];
  /** The stage's keys, in the order that the plan lists them. */
  readonly keys: readonly Uint8Array[];
}

const refuse = (what: string, reason: string) => new SheError("BYTES_REFUSED", { what, reason });
/** Others get the thread between two keys, each some ten milliseconds. */
const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Keys of one stage against what the plan lists and the job names. */
export class StageKeys {
  readonly #plan: ShePlan;
  readonly #stage: number;
  readonly #hashes: SheHashes;
  readonly #list: ReturnType<typeof keyList>;

  constructor(plan: ShePlan, stage: number, hashes: SheHashes) {
    [this.#plan, this.#stage, this.#hashes, this.#list] = [plan, stage, hashes, keyList(plan)];
  }

  /** Whether these are the job's keys for this stage, all hashed. Errors: BYTES_REFUSED and PROFILE_UNKNOWN. */
  async check(given: CipherKeys): Promise<void> {
    this.checkBodies(given);
    for (const [i] of this.#own.entries()) {
      this.#open(given, i, true);
      await breathe();
    }
  }

  /** That the roots are the key set's, and as many keys as the stage lists. Error: BYTES_REFUSED. */
  checkBodies({ keySetRoot, keyBodies, keys }: CipherKeys): void {
    if (keyBodies.length !== this.#list.length)
      throw refuse("key set", `${keyBodies.length} of ${this.#list.length} keys`);
    const bodies = keyBodies.map((body) => fromHex(body, 32, "A key's body root"));
    if (toHex(wordTreeRoot(bodies, this.#hashes)) !== keySetRoot.toLowerCase())
      throw refuse("key set", "it is not the one that the job names");
    const wanted = this.#own.length;
    if (keys.length !== wanted) throw refuse("keys", `${keys.length} of ${wanted}`);
  }

  /** All keys of the set in its order, with a hole for every one that the stage does not list. Errors: BYTES_REFUSED and PROFILE_UNKNOWN. */
  open(given: CipherKeys, isHashed: boolean): (SheObject | undefined)[] {
    const all: (SheObject | undefined)[] = this.#list.map(() => undefined);
    for (const [i] of this.#own.entries()) {
      const { key, place } = this.#open(given, i, isHashed);
      all[place] = key;
    }
    return all;
  }

  get #own() {
    return this.#plan.stages[this.#stage]?.keys ?? [];
  }

  #open({ keyBodies, keys }: CipherKeys, i: number, isHashed: boolean): { key: SheObject; place: number } {
    const { galois, level } = this.#own[i] ?? { galois: -1, level: 0 };
    const key = decodeSheObject(keys[i] ?? new Uint8Array(0), this.#hashes);
    const { header } = key;
    const place = this.#list.findIndex((listed) => listed.galois === galois && listed.level === level);
    const isOther = header.galois !== galois || header.level !== level || header.profile.id !== this.#plan.profile.id;
    if (header.kind !== "key" || isOther)
      throw refuse("key", `it is not the one of element ${galois} at level ${level}`);
    if (isHashed && toHex(bodyRoot(key, this.#hashes)) !== keyBodies[place]?.toLowerCase())
      throw refuse("key", `element ${galois} is not the key set's`);
    return { key, place };
  }
}
