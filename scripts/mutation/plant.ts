// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Invariant, Mutation } from "./invariants.ts";

/** How often a mutation's text occurs in the sources below `root`: it applies if that is once. */
export function occurrences(root: string, { file, find }: Mutation): number {
  return readFileSync(join(root, "contracts", file), "utf8").split(find).length - 1;
}

/** Why an entry is no longer right for the sources below `root`; empty if it is. */
export function complaints(root: string, { number, mutation, tests }: Invariant): string[] {
  const found = occurrences(root, mutation);
  const stale = tests.filter(({ file, name }) => {
    const text = readFileSync(join(root, "test/contracts", file), "utf8");
    return !text.includes(`function ${name}(`);
  });
  return [
    ...(found === 1 ? [] : [`${number}: the text to mutate occurs ${found} times in contracts/${mutation.file}`]),
    ...(mutation.find === mutation.replace ? [`${number}: the mutation changes nothing`] : []),
    ...stale.map(({ file, name }) => `${number}: there is no ${name} in test/contracts/${file}`),
  ];
}

/** Plants the fault below `root`; returns what takes it out again. */
export function plant(root: string, { file, find, replace }: Mutation): () => void {
  const path = join(root, "contracts", file);
  const before = readFileSync(path, "utf8");
  writeFileSync(
    path,
    before.replace(find, () => replace),
  );
  return () => writeFileSync(path, before);
}
