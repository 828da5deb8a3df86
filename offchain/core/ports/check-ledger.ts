// SPDX-License-Identifier: MIT
import type { Hex } from "../bytes.ts";

/** One linear check of one operator, about to be told to a client. */
export interface CheckBooking {
  readonly client: Hex;
  readonly modelId: Hex;
  readonly stage: number;
  /** Number of the operator in the stage's program. */
  readonly op: number;
  /** keccak256 of the seed: of a retry, the same. */
  readonly seedHash: Hex;
  /** Checks that this client may have of this operator, this one included. */
  readonly limit: number;
}

/**
 * A model owner's account of what clients were told about private weights. `book` checks and writes all or nothing, and is durable when it
 * returns: only then may a proof be made. There is no way to take a booking back.
 */
export interface CheckLedger {
  /** Errors: CHECKS_SPENT, CHECK_BOOKING_INVALID. */
  book(bookings: readonly CheckBooking[]): void;
  /** Checks that the client has had of the operator. */
  used(of: Pick<CheckBooking, "client" | "modelId" | "stage" | "op">): number;
}
