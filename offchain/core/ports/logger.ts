// SPDX-License-Identifier: MIT

type Hex = `0x${string}`;

/**
 * Every field that may be logged. A value that is not on this list cannot be logged: add a line here, and ask whether it can hold
 * (or be derived from) an input, salt, key or activation. Digests and ids are fine, tensors and openings are not.
 */
export interface LogFields {
  readonly job?: Hex;
  readonly model?: Hex;
  readonly stage?: number;
  readonly round?: number;
  readonly seat?: number;
  readonly seats?: number;
  readonly worker?: string | number;
  readonly role?: string;
  readonly state?: string;
  readonly previous?: string;
  readonly reason?: string;
  readonly step?: string;
  readonly digest?: Hex;
  readonly part?: string;
  readonly peer?: string;
  readonly protocol?: string;
  readonly url?: string;
  readonly path?: string;
  readonly method?: string;
  readonly status?: string | number;
  readonly code?: string;
  readonly error?: unknown;
  readonly fix?: string;
  readonly retry?: string;
  readonly tx?: Hex;
  readonly nonce?: number;
  readonly block?: bigint | number;
  readonly chain?: bigint | number;
  readonly address?: Hex;
  readonly contract?: Hex;
  readonly gas?: bigint | number;
  readonly amount?: bigint;
  readonly durationMs?: number;
  readonly deadlineMs?: number;
  readonly delayMs?: number;
  readonly bytes?: number;
  readonly count?: number;
  readonly limit?: number;
  readonly attempt?: number;
  readonly signal?: string;
  readonly port?: number;
  readonly pid?: number;
  readonly version?: string;
  readonly name?: string;
  readonly kind?: string;
  readonly ok?: boolean;
}

/** `evt` is `area.event`, stable: dashboards and tests depend on it. */
export interface Logger {
  debug(evt: string, fields?: LogFields): void;
  info(evt: string, fields?: LogFields): void;
  warn(evt: string, fields?: LogFields): void;
  error(evt: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}
