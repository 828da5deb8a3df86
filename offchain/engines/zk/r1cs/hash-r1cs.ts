// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, type Hex } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import type { R1cs } from "./r1cs.ts";
import { writeR1cs } from "./write-r1cs.ts";

/** A circuit's identity: keccak256 of its .r1cs bytes. Key records carry it. */
export const hashR1cs = (r1cs: R1cs): Hex => toHex(keccak256(writeR1cs(r1cs)));
