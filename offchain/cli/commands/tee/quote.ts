// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from "node:crypto";
import { fromHex, toHex } from "../../../core/bytes.ts";
import { nodeTsmFiles } from "../../../engines/tee/provider/node-files.ts";
import { TsmProvider } from "../../../engines/tee/provider/tsm.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { hex, optional, required, text } from "../../fields.ts";
import { writeNewFile } from "../../new-file.ts";

export const teeQuote = defineCommand({
  name: "tee quote",
  summary: "Have this machine's TDX or SEV-SNP device sign 64 bytes, by Linux's configfs-tsm.",
  details:
    "For operators of enclaves: what it writes is what `tee verify`, `tee tcb-status` and `tee register` take. Needs Linux 6.7 or newer inside a " +
    "guest, configfs mounted, and the right to make folders there. A report that another process's request could have got into is thrown away. " +
    "Exit code 75: there is no such device, or it is busy.",
  examples: [`assay tee quote quote.bin --report-data 0x${"00".repeat(64)}`],
  args: { file: required("file", "Where the evidence goes; it must not exist.", text) },
  options: {
    reportData: required("hex", "The 64 bytes, as 0x and 128 digits.", hex(64)),
    tsmRoot: optional("folder", "Where configfs shows reports.", text),
  },
  async run(input, io) {
    const options = input.tsmRoot === undefined ? {} : { folder: input.tsmRoot };
    const provider = new TsmProvider(options, {
      files: nodeTsmFiles,
      random: (count) => new Uint8Array(randomBytes(count)),
    });
    const { format, bytes } = await provider.quote(fromHex(input.reportData, 64));
    writeNewFile(input.file, bytes);
    io.result(
      { ok: true, format, bytes: bytes.length, reportData: toHex(fromHex(input.reportData)) },
      `${format}  ${bytes.length} bytes`,
    );
    return EXIT.done;
  },
});
