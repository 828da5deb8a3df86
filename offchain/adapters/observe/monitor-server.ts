// SPDX-License-Identifier: GPL-3.0-or-later
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "../../core/ports/logger.ts";
import { ObserveError } from "./errors.ts";
import { describeError } from "./log-values.ts";
import type { PromMetrics } from "./prom-metrics.ts";

export interface Readiness {
  readonly ready: boolean;
  /** Each check by name: `chain`, `keys`, `model`, … */
  readonly checks: Readonly<Record<string, boolean>>;
}

export interface MonitorOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 9464; 0 takes any free port. */
  readonly port?: number;
}

export interface MonitorModules {
  readonly metrics: Pick<PromMetrics, "text" | "contentType">;
  readonly logger: Logger;
  readonly readiness: () => Readiness | Promise<Readiness>;
  /** The object that `node status` prints; secrets in it are masked, bigints become text. */
  readonly status: () => unknown;
}

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

/** `/metrics`, `/healthz`, `/readyz`, `/status`: read-only, on loopback unless configured, with a warning, otherwise. */
export class MonitorServer {
  readonly #host: string;
  readonly #port: number;
  readonly #modules: MonitorModules;
  readonly #server: Server;

  constructor(options: MonitorOptions, modules: MonitorModules) {
    this.#host = options.host ?? "127.0.0.1";
    this.#port = options.port ?? 9464;
    this.#modules = modules;
    const limits = { maxHeaderSize: 8 << 10, headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000 };
    this.#server = createServer(limits, (request, response) => void this.#answer(request, response));
    this.#server.maxConnections = 32;
    // After listening, an "error" is a connection that could not be taken (no file descriptor left): without a listener it would
    // end the process.
    this.#server.on("error", () => undefined);
    this.#server.on("clientError", (_error, socket) => socket.destroy());
  }

  /** Listens; returns the URL. Error LISTEN_FAILED. */
  async start(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: NodeJS.ErrnoException) => {
        const place = { host: this.#host, port: this.#port, reason: cause.code ?? "unknown" };
        reject(new ObserveError("LISTEN_FAILED", place, { cause }));
      };
      this.#server.once("error", failed);
      this.#server.listen(this.#port, this.#host, () => {
        this.#server.off("error", failed);
        resolve();
      });
    });
    const { port } = this.#server.address() as AddressInfo;
    const url = `http://${this.#host.includes(":") ? `[${this.#host}]` : this.#host}:${port}`;
    if (!LOOPBACK.has(this.#host)) {
      this.#modules.logger.warn("monitor.exposed", {
        url,
        fix: "Bind 127.0.0.1 and reach it through a tunnel or proxy.",
      });
    }
    return url;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume(); // bodies are read and dropped, within requestTimeout
    try {
      if (!this.#isOwnName(request.headers.host)) return send(response, 403, { error: "unknown host" });
      if (request.method !== "GET" && request.method !== "HEAD") {
        response.setHeader("allow", "GET, HEAD");
        return send(response, 405, { error: "read-only" });
      }
      await this.#route((request.url ?? "/").split("?")[0] ?? "/", response);
    } catch (error) {
      this.#modules.logger.error("monitor.failed", { error });
      if (!response.headersSent) send(response, 500, { error: describeError(error) });
      else response.destroy();
    }
  }

  async #route(path: string, response: ServerResponse): Promise<void> {
    switch (path) {
      case "/healthz":
        return send(response, 200, { alive: true });
      case "/readyz": {
        const readiness = await this.#modules.readiness();
        return send(response, readiness.ready ? 200 : 503, readiness);
      }
      case "/status":
        return send(response, 200, await this.#modules.status());
      case "/metrics":
        response.writeHead(200, { "content-type": this.#modules.metrics.contentType, ...HEADERS });
        response.end(await this.#modules.metrics.text());
        return;
      default:
        return send(response, 404, { error: "try /metrics, /healthz, /readyz, /status" });
    }
  }

  /** On loopback a foreign Host is a web page that rebound its name to us (DNS rebinding). */
  #isOwnName(host: string | undefined): boolean {
    if (!LOOPBACK.has(this.#host)) return true;
    const name = (host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
    return LOOPBACK.has(name);
  }
}

const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

function send(response: ServerResponse, status: number, body: unknown): void {
  const json = JSON.stringify(body, (_name, value: unknown) => {
    if (typeof value === "bigint") return value.toString();
    return value instanceof Uint8Array ? `[${value.length} bytes]` : value;
  });
  response.writeHead(status, { "content-type": "application/json", ...HEADERS });
  response.end(`${json}\n`);
}
