// SPDX-License-Identifier: GPL-3.0-or-later
// Tables and plots of docs/economics.md, from the numbers that the last deep run of the economy bench left beside it.
import { writeFileSync } from "node:fs";
import { plots } from "../../bench/economy/plots.ts";
import { readCareers, readResults } from "../../bench/economy/results.ts";
import { resultTables } from "../../bench/economy/tables.ts";

const rows = readResults();
for (const [name, svg] of Object.entries(plots(rows))) writeFileSync(`docs/economics/${name}.svg`, svg);
writeFileSync("docs/economics/results.md", resultTables(rows, readCareers()));
