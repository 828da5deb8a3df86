// SPDX-License-Identifier: GPL-3.0-or-later
// The child process of `stock.ts`: calls of snarkjs, one after the other. snarkjs leaves threads and file handles open, prints to
// stdout and cannot be cancelled; a process of its own ends all of that.
import { powersOfTau, zKey } from "snarkjs";
import type { StockRequest, StockReply } from "./stock.ts";

const errors: string[] = [];
const logger = {
  debug: () => {},
  info: () => {},
  warn: (text: string) => void errors.push(text),
  error: (text: string) => void errors.push(text),
};

async function answer(request: StockRequest): Promise<boolean> {
  switch (request.call) {
    case "verifyPtau":
      return powersOfTau.verify(request.ptau, logger);
    case "newZkey":
      return (await zKey.newZKey(request.r1cs, request.ptau, request.zkey, logger)) !== -1;
    case "contribute":
      await zKey.contribute(request.from, request.to, request.name, request.entropy, logger);
      return true;
    case "beacon":
      // false, not an error, for parameters that it does not like
      return (
        ((await zKey.beacon(
          request.from,
          request.to,
          request.name,
          request.beacon,
          request.iterations,
          logger,
        )) as unknown) !== false
      );
    case "verifyFromInit":
      return zKey.verifyFromInit(request.init, request.ptau, request.zkey, logger);
  }
}

process.on("message", (request: StockRequest) => {
  errors.length = 0;
  answer(request).then(
    (ok) => reply({ ok, errors }),
    (error: unknown) => reply({ failed: error instanceof Error ? error.message : String(error) }),
  );
});
const reply = (message: StockReply): void => void process.send?.(message);
// The parent is gone: nobody waits for an answer.
process.once("disconnect", () => process.exit(1));
