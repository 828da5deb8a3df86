// SPDX-License-Identifier: GPL-3.0-or-later
import type { BinaryFormat } from "./binary-file.ts";

export const SECTION_HEADER = 1;
export const SECTION_CONSTRAINTS = 2;
export const SECTION_LABELS = 3;
/** iden3's .r1cs, version 1, in circom's order of sections; sections 4 and 5 (custom gates) are PLONK's and refused. */
export const R1CS_FORMAT: BinaryFormat = { name: ".r1cs", magic: "r1cs", version: 1, sections: [2, 1, 3] };
export const R1CS_HEADER_BYTES = 4 + 32 + 4 * 4 + 8 + 4;

export const WTNS_FORMAT: BinaryFormat = { name: ".wtns", magic: "wtns", version: 2, sections: [1, 2] };
export const WTNS_HEADER_BYTES = 4 + 32 + 4;

/** Phase 1 files reach 2^28, but no stage here is meant to pass 2^22; wires may outnumber constraints. */
export const MAX_CONSTRAINTS = 1 << 22;
export const MAX_WIRES = 1 << 24;
export const MAX_FILE_BYTES = 0x7fffffff;
