// SPDX-License-Identifier: GPL-3.0-or-later
import { EvidenceError } from "../errors.ts";
import { pckSerial } from "./intel.ts";
import { SimulatedPlatform, type SimulatedOptions } from "./platform.ts";
import type { Period } from "./report.ts";

/**
 * SIMULATED vendor with several machines under one root, of which it can revoke one while the others go on. Machines differ for Intel only:
 * no other simulated vendor signs a list. Errors: those of `SimulatedPlatform`.
 */
export class SimulatedVendor {
  readonly #seed: Uint8Array;
  readonly #period: Period;
  readonly #options: SimulatedOptions;
  readonly #platforms = new Map<number, SimulatedPlatform>();
  readonly #revoked = new Set<number>();
  #listedAt: bigint;

  /** `seed`: 32 bytes; `period`: of certificates and the first collateral. */
  constructor(seed: Uint8Array, period: Period, options: SimulatedOptions = {}) {
    this.#seed = seed;
    this.#period = period;
    this.#options = options;
    this.#listedAt = period.from;
  }

  /** One machine, with the vendor's collateral of now: its revoked machines' numbers are no secret, and it signs for them still. */
  platform(machine = 0): SimulatedPlatform {
    const known = this.#platforms.get(machine);
    if (known !== undefined) return known;
    const caCrl = { thisUpdate: this.#listedAt, serials: [...this.#revoked].map(pckSerial) };
    const intel = this.#revoked.size === 0 ? { machine } : { machine, caCrl };
    const made = new SimulatedPlatform(this.#seed, this.#period, {
      ...this.#options,
      intel: { ...this.#options.intel, ...intel },
    });
    this.#platforms.set(machine, made);
    return made;
  }

  /** Signs a newer list, with this machine's certificate on it too. `at`: Unix seconds of the chain, later than every list before. Error: CRL. */
  revoke(machine: number, at: bigint): void {
    if (at <= this.#listedAt) throw new EvidenceError("CRL", { detail: `a list of ${at} is not newer than the last` });
    this.#listedAt = at;
    this.#revoked.add(machine);
    // Keys and signatures are remembered: the certificates are made again at no cost.
    this.#platforms.clear();
  }
}
