// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import type { TsmFiles } from "./tsm.ts";

/** configfs itself. Folders there are removed with what the kernel put into them. */
export const nodeTsmFiles: TsmFiles = {
  makeFolder: async (path) => {
    await mkdir(path, { mode: 0o700 });
  },
  removeFolder: async (path) => rmdir(path),
  write: async (path, bytes) => writeFile(path, bytes, { flag: "r+" }),
  read: async (path) => new Uint8Array(await readFile(path)),
};
