// SPDX-License-Identifier: MIT
import type { Word } from "../tagged-hash.ts";

/** One noised boundary that is about to leave the client. */
export interface PrivacyRelease {
  /** Whom or what the input is about: a hash under the client's own secret, never a name. */
  readonly subject: Word;
  /** Names the bytes: of a retry, the same. */
  readonly release: Word;
  /** Loss in millionths (`releaseRho`). */
  readonly rhoMicro: bigint;
}

export interface BookedRelease {
  /** The subject's total with this release. */
  readonly totalMicro: bigint;
  /** False for a release that was booked before: its bytes went out already and cost nothing more. */
  readonly isNew: boolean;
}

/**
 * The client's account of what left about each subject. `book` checks and writes in one step, and is durable when it
 * returns: only then may the bytes go out. There is no way to take a booking back.
 */
export interface PrivacyLedger {
  /** Errors: PRIVACY_BUDGET_EXCEEDED, RELEASE_CHANGED, NOISE_INVALID. */
  book(release: PrivacyRelease, budgetMicro: bigint): BookedRelease;
  totalMicro(subject: Word): bigint;
}
