// SPDX-License-Identifier: GPL-3.0-or-later
import type { Command } from "../command.ts";
import { devnet } from "./devnet.ts";
import { jobList } from "./job/list.ts";
import { jobShow } from "./job/show.ts";

/** Every command, in the order of the documentation. */
export const commands: readonly Command[] = [devnet, jobShow, jobList];
