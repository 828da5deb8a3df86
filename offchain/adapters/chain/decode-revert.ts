// SPDX-License-Identifier: MIT
import { BaseError, decodeErrorResult, isHex, type Abi, type Hex } from "viem";
import { isAssayError, type AssayError } from "../../core/errors.ts";
import { ChainError } from "./errors.ts";
import { isOutage, publicUrl } from "./rpc-transport.ts";

export interface Revert {
  /** Solidity name of the custom error, `Error` or `Panic`, or `unknown` with the raw data as only argument. */
  readonly name: string;
  readonly args: readonly unknown[];
}

/** Revert data anywhere in an error's chain of causes: nodes nest it differently (`data`, `data.data`, `error.data`). */
function revertData(error: unknown, depth = 0): Hex | null {
  if (typeof error !== "object" || error === null || depth > 8) return null;
  const data: unknown = Reflect.get(error, "data");
  if (isHex(data) && data.length >= 10) return data;
  return (
    revertData(data, depth + 1) ??
    revertData(Reflect.get(error, "error"), depth + 1) ??
    revertData(Reflect.get(error, "cause"), depth + 1)
  );
}

/** The contract's own error behind a failed call, or null if the call did not revert with data. */
export function decodeRevert(error: unknown, abi: Abi): Revert | null {
  const data = revertData(error);
  if (data === null) return null;
  try {
    const decoded = decodeErrorResult({ abi, data });
    return { name: decoded.errorName, args: decoded.args ?? [] };
  } catch {
    return { name: "unknown", args: [data] };
  }
}

function findAssay(error: unknown): AssayError | null {
  for (let at: unknown = error, depth = 0; at !== null && at !== undefined && depth < 8; depth += 1) {
    if (isAssayError(at)) return at;
    at = typeof at === "object" ? Reflect.get(at, "cause") : null;
  }
  return null;
}

const print = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(print).join(", ")}]`;
  return typeof value === "string" ? value : typeof value === "object" ? "{…}" : `${value as bigint}`;
};

/** Any failure of a call as one of this module's errors: REVERTED with Solidity name and arguments, RPC_UNAVAILABLE or RPC_REJECTED. */
export function toChainError(error: unknown, call: string, abi: Abi): AssayError {
  const known = findAssay(error);
  if (known !== null) return known;
  const revert = decodeRevert(error, abi);
  if (revert !== null)
    return new ChainError(
      "REVERTED",
      { call, name: revert.name, args: revert.args.map(print).join(", ") },
      { cause: error },
    );
  // Clients that bring their own viem transport retry nothing and have no name for this.
  const outage = error instanceof BaseError ? error.walk(isOutage) : null;
  if (outage instanceof BaseError) {
    const url: unknown = Reflect.get(outage, "url");
    const meta = { url: publicUrl(typeof url === "string" ? url : ""), reason: outage.shortMessage };
    return new ChainError("RPC_UNAVAILABLE", meta, { cause: error });
  }
  const reason = error instanceof BaseError ? error.details || error.shortMessage : String(error);
  return new ChainError("RPC_REJECTED", { method: call, reason: reason.slice(0, 300) }, { cause: error });
}
