// SPDX-License-Identifier: GPL-3.0-or-later
import { SAID_ABSTAIN, ZERO_BYTES32 } from "../core/types.ts";
import type { Hex } from "./ports.ts";

/** Reasons of an abstention, as the payload says them (protocol.md section 6). */
export const ABSTAIN_REASON = { input: 1, model: 2, bounds: 3, size: 4 } as const;
export const SAID_ABSTAIN_WORD = SAID_ABSTAIN;
/** The payload of a stage without a probe. */
export const NO_PAYLOAD = ZERO_BYTES32;
export const reasonWord = (reason: number): Hex => `0x${reason.toString(16).padStart(64, "0")}`;
export const isAbstention = (outDigest: Hex): boolean => outDigest === SAID_ABSTAIN;
