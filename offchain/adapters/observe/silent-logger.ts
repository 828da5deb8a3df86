// SPDX-License-Identifier: GPL-3.0-or-later
import type { Logger } from "../../core/ports/logger.ts";

const none = (): void => {};

/** For whoever reports by result and errors only: nothing is logged beside them. */
export const silentLogger: Logger = { debug: none, info: none, warn: none, error: none, child: () => silentLogger };
