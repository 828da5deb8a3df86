// SPDX-License-Identifier: MIT

// When a seat gives up waiting, as shares of tWork before the commit deadline. The hub's deadline runs from the request, so
// both must leave time for transactions. Seats act by these numbers and clients deliver by them.

/** A seat without input abstains: its vote can still be counted. A client must have delivered by then. */
export const ABSTAIN_SHARE = 0.4;
/** A seat without its co-seats' statements goes to the chain. */
export const SLOW_PATH_SHARE = 0.25;
