// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError } from "../../core/errors.ts";
import type { LogFields } from "../../core/ports/logger.ts";

/** The run-time copy of the allowlist: types do not bind JavaScript callers, casts or spreads. */
const ALLOWED: Readonly<Record<keyof LogFields, true>> = {
  job: true,
  model: true,
  stage: true,
  round: true,
  seat: true,
  seats: true,
  worker: true,
  role: true,
  state: true,
  previous: true,
  reason: true,
  step: true,
  digest: true,
  part: true,
  peer: true,
  protocol: true,
  url: true,
  path: true,
  method: true,
  status: true,
  code: true,
  error: true,
  fix: true,
  retry: true,
  tx: true,
  nonce: true,
  block: true,
  chain: true,
  address: true,
  contract: true,
  gas: true,
  amount: true,
  durationMs: true,
  deadlineMs: true,
  delayMs: true,
  bytes: true,
  count: true,
  limit: true,
  attempt: true,
  signal: true,
  port: true,
  pid: true,
  version: true,
  name: true,
  kind: true,
  ok: true,
};

/** Fields that hold 32-byte ids; in all others a run that long could be a key. */
const HASHES = new Set(["job", "model", "digest", "tx", "part", "peer"]);

const MAX_TEXT = 300;
const DROPPED = "[dropped]";

/** What may be written of `fields`: allowed names, scalars, described errors. Everything else becomes `[dropped]`. */
export function safeFields(fields: LogFields): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  let unknown = 0;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(ALLOWED, name)) unknown++;
    else out[name] = name === "error" ? describeError(value) : safeScalar(value, HASHES.has(name) ? 67 : 43);
  }
  // The name of an unknown field could itself be data; only their number is told.
  if (unknown > 0) out["droppedFields"] = unknown;
  return out;
}

function safeScalar(value: unknown, keyLength: number): unknown {
  if (typeof value === "string") return hideLongRuns(value.slice(0, MAX_TEXT), keyLength);
  if (typeof value === "number" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "bigint") return value.toString();
  return DROPPED;
}

/** Assay's errors keep their fields (never secrets, by rule); of others only name, code, a scrubbed message and where. */
export function describeError(error: unknown, depth = 0): unknown {
  if (isAssayError(error)) {
    const meta = Object.fromEntries(Object.entries(error.meta).map(([name, value]) => [name, safeScalar(value, 67)]));
    const described = { id: error.id, code: error.code, retry: error.retry, meta };
    if (error.cause === undefined || depth >= 3) return described;
    return { ...described, cause: describeError(error.cause, depth + 1) };
  }
  if (error instanceof Error) {
    const code = "code" in error && typeof error.code === "string" ? { code: error.code.slice(0, 60) } : {};
    const message = hideLongRuns(error.message.slice(0, MAX_TEXT), 43);
    return { name: error.name.slice(0, 60), ...code, message, at: firstFrames(error) };
  }
  return DROPPED;
}

/** The stack without its first lines, which repeat the message. */
function firstFrames(error: Error): readonly string[] {
  const lines = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return lines.slice(0, 4).map((line) => line.trim().replaceAll(/(?:file:\/\/)?\/[^\s():]*\//g, ""));
}

/** Runs of hex or base64 that are long enough for a key (43 base64 characters are 32 bytes); ids fit under 67. */
function hideLongRuns(text: string, length: number): string {
  return hideUrlPaths(text).replaceAll(/[A-Za-z0-9+/_-]{43,}={0,2}/g, (run) =>
    run.length >= length ? `[${run.length} characters]` : run,
  );
}

/** Providers put API keys into paths, queries and user names, and libraries quote whole URLs: scheme and host are told. */
function hideUrlPaths(text: string): string {
  return text.replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)(?:[^\s/?#@"'<>]*@)?([^\s/?#"'<>]*)([^\s"'<>]*)/gi, (...match) => {
    const [, scheme = "", host = "", rest = ""] = match as string[];
    return rest === "" || rest === "/" ? `${scheme}${host}${rest}` : `${scheme}${host}/…`;
  });
}
