// SPDX-License-Identifier: GPL-3.0-or-later
import type { Command } from "../command.ts";
import { configCheck } from "./config/check.ts";
import { configShow } from "./config/show.ts";
import { devnet } from "./devnet.ts";
import { jobList } from "./job/list.ts";
import { jobShow } from "./job/show.ts";
import { modelImport } from "./model/import.ts";
import { modelInspect } from "./model/inspect.ts";
import { modelRegister } from "./model/register.ts";
import { nodeInit } from "./node/init.ts";
import { nodeStart } from "./node/start.ts";
import { nodeStatus } from "./node/status.ts";
import { receiptVerify } from "./receipt/verify.ts";
import { request } from "./request.ts";

/** Every command, in the order of the documentation. */
export const commands: readonly Command[] = [
  devnet,
  modelImport,
  modelInspect,
  modelRegister,
  request,
  jobShow,
  jobList,
  receiptVerify,
  nodeInit,
  nodeStart,
  nodeStatus,
  configShow,
  configCheck,
];
