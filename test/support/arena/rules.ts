// SPDX-License-Identifier: GPL-3.0-or-later
import { quoteEscrow } from "../../../offchain/core/economics.ts";
import {
  afterAbsence,
  afterExpiry,
  afterHung,
  afterTally,
  afterWindow,
  saidUnopened,
} from "../../../offchain/core/job-steps.ts";
import { checkPolicy } from "../../../offchain/core/policy.ts";
import { addRho, bondOf, distribute, isHabitual, offences, pokeDue } from "../../../offchain/core/settle.ts";
import { committeeSize, decideVote, openingQuorum } from "../../../offchain/core/vote.ts";

/** What the model asks core. A test that plants a wrong rule replaces one. */
export const CORE_RULES = {
  addRho,
  afterAbsence,
  afterExpiry,
  afterHung,
  afterTally,
  afterWindow,
  bondOf,
  checkPolicy,
  committeeSize,
  decideVote,
  distribute,
  isHabitual,
  offences,
  openingQuorum,
  pokeDue,
  quoteEscrow,
  saidUnopened,
};

export type Rules = typeof CORE_RULES;
