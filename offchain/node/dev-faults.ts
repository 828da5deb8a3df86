// SPDX-License-Identifier: GPL-3.0-or-later
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "../core/ports/logger.ts";
import { HONEST, type SeatBehaviour } from "../protocol/ports.ts";
import { SAID_ABSTAIN_WORD, reasonWord } from "../protocol/said.ts";
import { NodeError } from "./errors.ts";

/** Ways to misbehave, for demonstrations and tests on a local chain. */
export const DEV_FAULTS = [
  "none",
  "wrong-digest",
  "withhold-reveal",
  "silent",
  "equivocate",
  "garbage",
  "abstain",
  "withhold-preimage",
  "flip-coefficient",
] as const;
export type DevFault = (typeof DEV_FAULTS)[number];

/** Another digest that is not the answer: its last byte is flipped. */
const lie = (vote: { outDigest: `0x${string}`; payload: `0x${string}` }) => {
  const last = Number.parseInt(vote.outDigest.slice(-2), 16) ^ 0xff;
  return {
    ...vote,
    outDigest: `${vote.outDigest.slice(0, -2)}${last.toString(16).padStart(2, "0")}` as const,
  } as typeof vote;
};

export function devBehaviour(fault: DevFault, challenge: boolean): SeatBehaviour {
  const base = { ...HONEST, mayChallenge: challenge || fault === "none" };
  switch (fault) {
    case "wrong-digest":
      return { ...base, alterVote: lie };
    case "abstain":
      return { ...base, alterVote: () => ({ outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(2) }) };
    case "withhold-reveal":
      return { ...base, withholdsReveal: true };
    case "silent":
      return { ...base, isSilent: true };
    case "equivocate":
      return { ...base, equivocates: true };
    case "withhold-preimage":
      return { ...base, withholdsPreimage: true };
    case "garbage":
      return { ...base, sendsGarbage: true };
    case "flip-coefficient":
      return base; // what it evaluates is bent, not what it says of it
    case "none":
    default:
      return HONEST;
  }
}

/**
 * Switches a worker into a fault at run time: `POST /dev/fault` with `{"mode": "wrong-digest", "challenge": false}` on loopback.
 * Exists only when the configuration says `development = true` on chain 31337. Error: DEVELOPMENT_REFUSED otherwise.
 */
export class DevFaults {
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #port: number;
  #mode: DevFault = "none";
  #behaviour: SeatBehaviour = HONEST;

  constructor(
    options: { readonly development: boolean; readonly chainId: number; readonly port: number },
    modules: { readonly logger: Logger },
  ) {
    const { development, chainId } = options;
    if (!development || chainId !== 31_337)
      throw new NodeError("DEVELOPMENT_REFUSED", { what: "A fault mode", chain: chainId, development });
    this.#logger = modules.logger;
    this.#port = options.port;
    this.#server = createServer({ requestTimeout: 5_000 }, (request, response) => {
      // A caller that leaves in the middle of its body must not end the worker by an unhandled rejection.
      void this.#answer(request).then(
        ([status, body]) => {
          response.writeHead(status, { "content-type": "application/json", connection: "close" });
          response.end(`${JSON.stringify(body)}\n`);
        },
        () => response.destroy(),
      );
    });
  }

  get behaviour(): SeatBehaviour {
    return this.#behaviour;
  }

  /** Whether this worker lies about what it evaluates on ciphertexts (`bentShelf`). */
  get isBent(): boolean {
    return this.#mode === "flip-coefficient";
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#port, "127.0.0.1", resolve);
    });
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage): Promise<[number, unknown]> {
    // A page in a browser must not reach this: it can send a simple POST, but not this header without asking first.
    if (request.headers.origin !== undefined) return [403, { error: "not for browsers" }];
    if (request.url !== "/dev/fault") return [404, { error: "try /dev/fault" }];
    if (request.method === "GET") return [200, { mode: this.#mode, modes: DEV_FAULTS }];
    if (request.method !== "POST") return [405, { error: "GET or POST" }];
    let text = "";
    for await (const chunk of request) {
      text += String(chunk);
      if (text.length > 1_024) return [413, { error: "too large" }];
    }
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      return [400, { error: "not JSON" }];
    }
    const asked: unknown = Reflect.get(Object(body), "mode");
    const mode = DEV_FAULTS.find((one) => one === asked);
    if (mode === undefined) return [400, { error: `mode is one of ${DEV_FAULTS.join(", ")}` }];
    this.#mode = mode;
    this.#behaviour = devBehaviour(mode, Reflect.get(Object(body), "challenge") === true);
    this.#logger.warn("dev.fault", { kind: mode });
    return [200, { mode }];
  }
}
