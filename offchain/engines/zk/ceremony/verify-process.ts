// SPDX-License-Identifier: GPL-3.0-or-later
// The process of `verifySetupApart`: one verification, then it is killed.
import { setPriority } from "node:os";
import { isAssayError } from "../../../core/errors.ts";
import type { VerifyReply, VerifyRequest } from "./verify-apart.ts";
import { verifySetup } from "./verify-setup.ts";

const LOW_PRIORITY = 10;
const reply = (message: VerifyReply): void => void process.send?.(message);

process.on("message", (request: VerifyRequest) => {
  setPriority(LOW_PRIORITY);
  verifySetup(request).then(
    (report) => reply({ report }),
    (error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      if (!isAssayError(error)) return reply({ failed: { message } });
      const { id, code, module, meta, fix, retry } = error;
      reply({ failed: { id, code, module, meta, message, fix, retry } });
    },
  );
});
// Ctrl-C goes to the whole process group: the parent decides.
process.on("SIGINT", () => {});
process.once("disconnect", () => process.exit(1));
