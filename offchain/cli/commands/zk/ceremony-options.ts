// SPDX-License-Identifier: GPL-3.0-or-later
import type { StepReceipt } from "../../../engines/zk/ceremony/run-ceremony.ts";
import { required, text } from "../../fields.ts";
import type { Io, Progress } from "../../io.ts";

export const ceremonyArgs = {
  folder: required("folder", "The ceremony's folder, as the one before you sent it.", text),
};
export const ptauOption = {
  ptau: required("file", "The phase 1 file that the ceremony names: everything is checked against it.", text),
};

/** Runs work that may take minutes under one progress line. */
export async function withProgress<T>(
  io: Io,
  title: string,
  done: string,
  work: (options: { signal: AbortSignal; onProgress: (step: string) => void }, progress: Progress) => Promise<T>,
): Promise<T> {
  const progress = once(io.progress(title));
  try {
    const result = await work({ signal: io.signal, onProgress: (step) => progress.step(step) }, progress);
    progress.done(done);
    return result;
  } catch (error) {
    progress.failed("not done");
    throw error;
  }
}

/** Repeated steps are one line. */
export function once(progress: Progress): Progress {
  let last = "";
  return {
    ...progress,
    step: (name, done, total) => {
      if (name !== last) progress.step(name, done, total);
      last = name;
    },
  };
}

/** What whoever made a step publishes, to find it in the finished transcript. */
export const receiptText = ({ index, name, hash, stockHash }: StepReceipt): string =>
  [`step ${index} by ${name}`, `transcript ${hash}`, `delta2 ${stockHash}`].join("\n");
