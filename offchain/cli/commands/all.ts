// SPDX-License-Identifier: GPL-3.0-or-later
import type { Command } from "../command.ts";

/** Every command, in the order of the documentation. */
export const commands: readonly Command[] = [];
