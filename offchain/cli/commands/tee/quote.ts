// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from "node:crypto";
import { fromHex, toHex } from "../../../core/bytes.ts";
import { NitroProvider } from "../../../engines/tee/provider/nitro.ts";
import { nodeTsmFiles } from "../../../engines/tee/provider/node-files.ts";
import { NsmHelper } from "../../../engines/tee/provider/nsm-helper.ts";
import { TsmProvider } from "../../../engines/tee/provider/tsm.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { choice, hex, optional, required, text } from "../../fields.ts";
import { writeNewFile } from "../../new-file.ts";

export const teeQuote = defineCommand({
  name: "tee quote",
  summary: "Have this machine's TDX, SEV-SNP or Nitro device sign 64 bytes.",
  details:
    "For operators of enclaves: what it writes is what `tee verify`, `tee tcb-status` and `tee register` take. `tsm` needs Linux 6.7 or " +
    "newer inside a guest, configfs mounted, and the right to make folders there; a report that another process's request could have got into is " +
    "thrown away. `nitro` needs /dev/nsm and the helper that `node scripts/nsm/build.mjs` builds. " +
    "Exit code 75: there is no such device, or it is busy.",
  examples: [
    `assay tee quote quote.bin --report-data 0x${"00".repeat(64)}`,
    `assay tee quote document.cbor --report-data 0x${"00".repeat(64)} --provider nitro`,
  ],
  args: { file: required("file", "Where the evidence goes; it must not exist.", text) },
  options: {
    reportData: required("hex", "The 64 bytes, as 0x and 128 digits.", hex(64)),
    provider: optional(
      "device",
      "What signs: tsm (Linux's configfs-tsm) or nitro; tsm if left out.",
      choice("tsm", "nitro"),
    ),
    tsmRoot: optional("folder", "Where configfs shows reports.", text),
  },
  async run(input, io) {
    const options = input.tsmRoot === undefined ? {} : { folder: input.tsmRoot };
    const provider =
      input.provider === "nitro"
        ? new NitroProvider(new NsmHelper())
        : new TsmProvider(options, { files: nodeTsmFiles, random: (count) => new Uint8Array(randomBytes(count)) });
    const { format, bytes } = await provider.quote(fromHex(input.reportData, 64));
    writeNewFile(input.file, bytes);
    io.result(
      { ok: true, format, bytes: bytes.length, reportData: toHex(fromHex(input.reportData)) },
      `${format}  ${bytes.length} bytes`,
    );
    return EXIT.done;
  },
});
