// SPDX-License-Identifier: GPL-3.0-or-later

/** Why there can be no native prover here, and what a human can do about it. */
export class Unbuildable extends Error {
  constructor(reason, fix, log = "") {
    super(reason);
    this.name = "Unbuildable";
    this.reason = reason;
    this.fix = fix;
    /** What the compiler said. */
    this.log = log;
  }
}
