// SPDX-License-Identifier: GPL-3.0-or-later
// docs/config.md from the settings that the worker itself is configured by.
import { writeFileSync } from "node:fs";
import { configDocs } from "../../offchain/node/config-template.ts";

writeFileSync("docs/config.md", configDocs());
