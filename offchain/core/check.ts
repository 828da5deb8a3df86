// SPDX-License-Identifier: MIT
import { isAssayError, type AssayError } from "./errors.ts";

/** One named finding of a verification. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found; on failure, which part is wrong. */
  readonly detail: string;
}

/** A typed error as a finding. */
export const errorText = ({ code, message }: AssayError): string => `${code}: ${message}`;

/** What `test` returns is the failure, undefined is success. A typed error on hostile content is a failure, a bug passes on. */
export function runCheck(name: string, success: string, test: () => string | undefined): Check {
  try {
    const failure = test();
    return { name, ok: failure === undefined, detail: failure ?? success };
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return { name, ok: false, detail: errorText(error) };
  }
}
