// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/threshold.json: a committee, its key, an input sealed to it, and the shares that open it.
import { writeFileSync } from "node:fs";
import { thresholdVector } from "../../test/support/tee/threshold-vector.ts";

writeFileSync("test/fixtures/vectors/threshold.json", `${JSON.stringify(await thresholdVector(), null, 1)}\n`);
