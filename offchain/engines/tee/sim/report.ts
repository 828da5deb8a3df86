// SPDX-License-Identifier: GPL-3.0-or-later

export const DAY = 86_400n;

/** Unix seconds during which everything that a simulated vendor signs is current. */
export interface Period {
  readonly from: bigint;
  readonly to: bigint;
}

export interface SimulatedReport {
  /** 64 bytes; of a GPU the first 32 are its nonce. */
  readonly reportData: Uint8Array;
  /** 48 bytes, a hash of the measured bundle: other code, other measurement. */
  readonly measurement: Uint8Array;
}
