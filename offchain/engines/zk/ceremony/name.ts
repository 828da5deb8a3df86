// SPDX-License-Identifier: GPL-3.0-or-later
import { CeremonyError } from "./errors.ts";

/** snarkjs cuts names at 64 characters and keeps their length in a byte; plain ASCII has one spelling. */
export function checkName(name: string): string {
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9 ._@-]{0,62}[A-Za-z0-9])?$/.test(name))
    throw new CeremonyError("CEREMONY_INPUT", {
      what: "The name",
      reason: "1 to 64 letters, digits, spaces and . _ @ - are allowed, with a letter or digit at both ends",
    });
  return name;
}

/** A ceremony's id names a folder and goes into hashes. */
export function checkId(id: string): string {
  if (!/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/.test(id))
    throw new CeremonyError("CEREMONY_INPUT", {
      what: "The id",
      reason: "1 to 64 lower-case letters, digits and hyphens are allowed",
    });
  return id;
}
