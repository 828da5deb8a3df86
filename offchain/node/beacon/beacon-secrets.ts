// SPDX-License-Identifier: GPL-3.0-or-later
import { beaconChain } from "../../core/beacon.ts";
import { bigToBytes, concatBytes, fromHex, toHex } from "../../core/bytes.ts";
import type { KeyRing } from "../../core/ports/keys.ts";
import type { Word } from "../../core/tagged-hash.ts";
import { ZERO_BYTES32 } from "../../core/types.ts";

/** Links of a chain: nine epochs of six hours in which every beat of 48 s is asked for. */
export const CHAIN_LINKS = 4_096;

interface Known {
  readonly from: number;
  readonly preimage: Word;
  /** Preimages that are left, this one included. */
  readonly left: number;
}

/**
 * The worker's hash chains. Their tails follow from the operator key, the beacon and the version from which a chain serves: a lost
 * store loses no chain, and nothing but keys must be kept secret.
 */
export class BeaconSecrets {
  readonly #keys: Pick<KeyRing, "prf">;
  readonly #beacon: `0x${string}`;
  readonly #workerId: number;
  readonly #links: number;
  readonly #known = new Map<Word, Known>();
  readonly #made = new Map<number, Word>();

  constructor(
    options: { readonly beacon: `0x${string}`; readonly workerId: number; readonly links?: number },
    keys: Pick<KeyRing, "prf">,
  ) {
    this.#keys = keys;
    this.#beacon = options.beacon;
    this.#workerId = options.workerId;
    this.#links = options.links ?? CHAIN_LINKS;
  }

  /** The head to register for a chain that serves from this version on. */
  headFrom(version: number): Word {
    const known = this.#made.get(version);
    if (known !== undefined) return known;
    const name = concatBytes(
      fromHex(this.#beacon.toLowerCase(), 20),
      bigToBytes(BigInt(this.#workerId), 4),
      bigToBytes(BigInt(version), 4),
    );
    const chain = beaconChain(this.#workerId, toHex(this.#keys.prf("assay.v1.beacon-tail", name)), this.#links);
    for (const [i, preimage] of chain.entries()) {
      const link = chain[i - 1];
      if (link !== undefined) this.#known.set(link, { from: version, preimage, left: chain.length - i });
    }
    const [head = ZERO_BYTES32] = chain; // never empty
    this.#made.set(version, head);
    return head;
  }

  /** What hashes to this head, if one of the chains of these versions has it. */
  find(head: Word, versions: readonly number[]): Known | null {
    for (const version of versions.toReversed()) {
      const known = this.#known.get(head);
      if (known !== undefined) return known;
      this.headFrom(version);
    }
    return this.#known.get(head) ?? null;
  }
}
