// SPDX-License-Identifier: MIT
import { isHex, type Hex } from "../bytes.ts";
import type { LinearOperator } from "../program/linear-operators.ts";
import type { CheckBooking } from "../ports/check-ledger.ts";
import { ZkError } from "./errors.ts";

/** she.md section 9: what is told stays an eighth of the linear equations that give the matrix. */
const EQUATIONS_SHARE = 8;
/** A field element says up to 254 bits, an int8 weight has 8: half of the weights' bits are out after weights / 64 elements. */
const BITS_SHARE = 64;

/**
 * Checks that one client may ever have of an operator: floor(n_out / 8) of a dense one. A check tells an equation for each column, so
 * where a convolution or a batch repeats weights, that many equations give them sooner, and fewer are allowed, mostly none.
 */
export const mostLinearChecks = ({ weights, columns }: LinearOperator): number =>
  Math.floor(weights / (EQUATIONS_SHARE * columns));

/**
 * As many as leave the weights undetermined: an equation over the field is worth some 31 int8 weights to whoever reduces lattices. Beyond
 * this, a client that wants them can compute them, whatever `mostLinearChecks` says.
 */
export const hidingLinearChecks = ({ weights, columns }: LinearOperator): number =>
  Math.floor(weights / (BITS_SHARE * columns));

/** A ledger's own name of a client: one address in any spelling is one client. Error: CHECK_BOOKING_INVALID. */
export function clientName(client: Hex): Hex {
  if (!isHex(client, 20)) throw new ZkError("CHECK_BOOKING_INVALID", { reason: "the client is no address" });
  return client.toLowerCase() as Hex;
}

/** The rule of every ledger. `used`: seeds booked before for the same client and operator. Errors: CHECKS_SPENT, CHECK_BOOKING_INVALID. */
export function checkBooking(booking: CheckBooking, used: ReadonlySet<string>): { readonly isNew: boolean } {
  const { modelId, seedHash, stage, op, limit, client } = booking;
  const number = (value: number, most: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= most;
  if (!isHex(modelId, 32) || !isHex(seedHash, 32))
    throw new ZkError("CHECK_BOOKING_INVALID", { reason: "model and seed are named by 32 bytes" });
  if (!number(stage, 0xffff) || !number(op, 0xffff) || !number(limit, 2 ** 32))
    throw new ZkError("CHECK_BOOKING_INVALID", { reason: "stage, operator or limit is out of range" });
  // The same seed gives the same u: an answer that was lost may be made again, and tells nothing more.
  if (used.has(seedHash.toLowerCase())) return { isNew: false };
  if (used.size >= limit) throw new ZkError("CHECKS_SPENT", { client, op, used: used.size, limit });
  return { isNew: true };
}
