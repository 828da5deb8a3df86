// SPDX-License-Identifier: GPL-3.0-or-later
import type { CheckBooking, CheckLedger } from "../../core/ports/check-ledger.ts";
import { checkBooking, clientName } from "../../core/zk/check-allowance.ts";

type Counted = Pick<CheckBooking, "client" | "modelId" | "stage" | "op">;

const nameOf = ({ client, modelId, stage, op }: Counted): string =>
  [clientName(client), modelId.toLowerCase(), stage, op].join();

/** Forgets everything when the process ends, and with it every limit: for tests only. */
export class MemoryCheckLedger implements CheckLedger {
  #booked = new Map<string, ReadonlySet<string>>();

  book(bookings: readonly CheckBooking[]): void {
    const booked = new Map(this.#booked);
    for (const booking of bookings) {
      const name = nameOf(booking);
      const used = booked.get(name) ?? new Set<string>();
      checkBooking(booking, used);
      booked.set(name, new Set([...used, booking.seedHash.toLowerCase()]));
    }
    this.#booked = booked;
  }

  used(of: Counted): number {
    return this.#booked.get(nameOf(of))?.size ?? 0;
  }
}
