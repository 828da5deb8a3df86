// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/program.json: integer programs with their hashes, inputs and exact results.
import { writeFileSync } from "node:fs";
import { programVectors } from "../../test/support/program-vectors.ts";

writeFileSync("test/fixtures/vectors/program.json", programVectors());
