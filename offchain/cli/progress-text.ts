// SPDX-License-Identifier: GPL-3.0-or-later

/** A job's step with what is known of it, in one line: no hashes. */
export const progressText = ({ stage, ...rest }: { readonly stage: string }): string => {
  const facts = Object.entries(rest)
    .filter(([name]) => name !== "hash" && name !== "jobId")
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(", ") : String(value)}`)
    .join(", ");
  return `${stage} ${facts}`.trimEnd();
};
