// SPDX-License-Identifier: GPL-3.0-or-later
import type { NodeConfig } from "../settings.ts";

/** The most that may be at stake before the referee, wei: without a setting, whatever the operator's account holds. */
export const bondLimitOf = ({ referee }: Pick<NodeConfig, "referee">): bigint =>
  referee.bondLimit === "" ? 2n ** 128n : BigInt(referee.bondLimit);
