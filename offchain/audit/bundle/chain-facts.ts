// SPDX-License-Identifier: GPL-3.0-or-later
import type { parametersAt } from "../../adapters/chain/read-past.ts";
import type { Hex } from "../../core/bytes.ts";
import { encodeOne } from "./recorded-blocks.ts";

type Sets = Awaited<ReturnType<typeof parametersAt>>;

/** `parameters.json`: the sets as the chain gives them, amounts as decimal strings. */
export function encodeParameters(policyTableHash: Hex, sets: Sets): Uint8Array {
  const plain = JSON.parse(
    JSON.stringify({ policyTableHash, sets }, (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    ),
  ) as unknown;
  return encodeOne(plain);
}
