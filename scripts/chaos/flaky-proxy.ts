// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Prng } from "../../test/support/prng.ts";

/** What happens to each piece of a connection. */
export interface Weather {
  /** Pieces are held back for up to so long. */
  readonly maxDelayMs: number;
  /** Probability a piece that the connection is cut. */
  readonly cut: number;
  /** Probability a piece that it and all after it are lost, while the connection looks alive. */
  readonly lose: number;
}

export interface ProxyCounts {
  pieces: number;
  delayed: number;
  cut: number;
  lost: number;
  refused: number;
}

/** A TCP proxy on a loopback port that delays, cuts and loses what passes through it, between `storm` and `calm`. */
export class FlakyProxy {
  readonly counts: ProxyCounts = { pieces: 0, delayed: 0, cut: 0, lost: 0, refused: 0 };
  readonly port: number;
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #weather: Weather;
  readonly #random: Prng;
  readonly #open = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isCalm = true;
  #isDown = false;

  private constructor(server: Server, targetPort: number, weather: Weather, random: Prng) {
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#targetPort = targetPort;
    this.#weather = weather;
    this.#random = random;
    server.on("connection", (socket) => this.#accept(socket));
  }

  static async listen(targetPort: number, weather: Weather, random: Prng): Promise<FlakyProxy> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FlakyProxy(server, targetPort, weather, random);
  }

  storm(): void {
    this.#isCalm = false;
  }

  /** Cuts everything and refuses connections until `rise`: what clients see of an endpoint that restarts. */
  fall(): void {
    this.#isDown = true;
    for (const socket of this.#open) socket.destroy();
  }

  rise(): void {
    this.#isDown = false;
  }

  /** From now on everything passes at once. Connections that lost something are cut. */
  calm(): void {
    this.#isCalm = true;
    this.rise();
    for (const socket of this.#open) socket.destroy();
  }

  close(): void {
    this.#server.close();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#open) socket.destroy();
  }

  #accept(client: Socket): void {
    if (this.#isDown) {
      this.counts.refused += 1;
      client.destroy();
      return;
    }
    const target = connect({ host: "127.0.0.1", port: this.#targetPort, allowHalfOpen: true });
    const link = { isDead: false };
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#open.add(from);
      from.setNoDelay(true);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#open.delete(from);
        to.destroy();
      });
      this.#pass(from, to, link);
    }
  }

  #pass(from: Socket, to: Socket, link: { isDead: boolean }): void {
    // One piece after the other: later ones wait for a delayed one.
    let last = Promise.resolve();
    const after = (action: () => void, delayMs: number): void => {
      last = last.then(async () => {
        if (delayMs > 0) await this.#wait(delayMs);
        if (!to.destroyed) action();
      });
    };
    from.on("data", (piece: Buffer) => {
      this.counts.pieces += 1;
      if (link.isDead) return;
      const { cut, lose, maxDelayMs } = this.#weather;
      if (!this.#isCalm && this.#random.chance(cut)) {
        this.counts.cut += 1;
        from.destroy();
        return;
      }
      if (!this.#isCalm && this.#random.chance(lose)) {
        this.counts.lost += 1;
        link.isDead = true;
        return;
      }
      // Half of the pieces pass at once.
      const delayMs = this.#isCalm || this.#random.chance(0.5) ? 0 : this.#random.int(0, maxDelayMs);
      if (delayMs > 0) this.counts.delayed += 1;
      after(() => void to.write(piece), delayMs);
    });
    from.on("end", () => after(() => to.end(), 0));
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, ms);
      this.#timers.add(timer);
    });
  }
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
