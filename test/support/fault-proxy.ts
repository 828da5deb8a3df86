// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { Prng } from "./prng.ts";

/** What happens to one direction of a connection. */
export interface Faults {
  /** Both ends are cut when so many bytes have passed. */
  readonly cutAfter?: number;
  /** From byte `at` on, two blocks of `length` bytes change places. */
  readonly swap?: { readonly at: number; readonly length: number };
}

export interface LinkFaults {
  /** From who connects to the target. */
  readonly up?: Faults;
  readonly down?: Faults;
}

export interface Delay {
  /** Each piece is held for 0 to so many milliseconds; later pieces of its direction wait behind it. */
  readonly maxMs: number;
  readonly random: Prng;
}

/**
 * A TCP proxy on a loopback port that does exactly what it is told, by bytes and not by chance: cut, swap, hold back, record, lead
 * elsewhere. `FlakyProxy` of the chaos run is the one for weather.
 */
export class FaultProxy {
  readonly port: number;
  /** Bytes passed to whoever connected, all connections together. */
  downBytes = 0;
  connections = 0;
  /** For connections that begin from now on. */
  targetPort: number;
  faults: LinkFaults | ((connection: number) => LinkFaults) = {};
  delay: Delay | null = null;
  /** While set, what passes is kept, one entry a connection. */
  record: { readonly up: Uint8Array[]; readonly down: Uint8Array[] }[] | null = null;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #gate: { readonly opened: Promise<void>; readonly open: () => void } | null = null;

  private constructor(server: Server, targetPort: number) {
    this.port = (server.address() as AddressInfo).port;
    this.targetPort = targetPort;
    this.#server = server;
    server.on("connection", (socket) => this.#accept(socket));
  }

  static async listen(targetPort: number): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FaultProxy(server, targetPort);
  }

  /** A partition: connections look alive and can be opened, nothing passes either way. */
  partition(): void {
    if (this.#gate !== null) return;
    let open = () => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    this.#gate = { opened, open };
  }

  /** What was held back goes on, in order. */
  heal(): void {
    this.#gate?.open();
    this.#gate = null;
  }

  /** Cuts everything that is open. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  async close(): Promise<void> {
    this.#server.close();
    this.cut();
    this.heal();
    if (this.#server.listening) await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    const connection = this.connections++;
    const { up = {}, down = {} } = typeof this.faults === "function" ? this.faults(connection) : this.faults;
    const target = connect({ host: "127.0.0.1", port: this.targetPort, allowHalfOpen: true });
    const kept: { up: Uint8Array[]; down: Uint8Array[] } = { up: [], down: [] };
    this.record?.push(kept);
    const cut = () => {
      client.destroy();
      target.destroy();
    };
    for (const socket of [client, target]) {
      this.#open.add(socket);
      socket.setNoDelay(true);
      socket.on("error", cut);
      socket.on("close", () => {
        this.#open.delete(socket);
        cut();
      });
    }
    void this.#pass(client, target, up, (bytes) => kept.up.push(bytes)).catch(cut);
    void this.#pass(target, client, down, (bytes) => {
      this.downBytes += bytes.length;
      kept.down.push(bytes);
    }).catch(cut);
  }

  async #pass(from: Socket, to: Socket, faults: Faults, passed: (bytes: Uint8Array) => void): Promise<void> {
    let room = faults.cutAfter ?? Infinity;
    // Not before anything is said: a connection that is refused is another fault.
    for await (const piece of swapped(from, faults.swap)) {
      if (this.delay !== null) await wait(this.delay.random.int(0, this.delay.maxMs));
      await this.#gate?.opened;
      if (to.destroyed) return;
      const part = piece.subarray(0, room);
      if (part.length > 0) {
        passed(part);
        const taken = to.write(part);
        if (!taken) await Promise.race([once(to, "drain"), once(to, "close")]);
      }
      room -= part.length;
      if (room > 0) continue;
      // What was passed on arrives, then the connection is gone.
      to.destroySoon();
      from.destroy();
      return;
    }
    await this.#gate?.opened;
    to.end();
  }
}

/** The bytes as they come, but two blocks exchanged; shorter streams pass as they are. */
async function* swapped(from: Socket, swap: Faults["swap"]): AsyncGenerator<Uint8Array> {
  if (swap === undefined) return yield* from as AsyncIterable<Uint8Array>;
  const { at, length } = swap;
  let place = 0;
  let held: Uint8Array = new Uint8Array();
  for await (const piece of from as AsyncIterable<Uint8Array>) {
    held = new Uint8Array(Buffer.concat([held, piece]));
    if (place < at) {
      const before = held.subarray(0, at - place);
      if (before.length > 0) yield before;
      place += before.length;
      held = held.subarray(before.length);
    }
    const isPast = place >= at + 2 * length;
    if (!isPast && (place < at || held.length < 2 * length)) continue;
    if (!isPast) {
      yield held.subarray(length, 2 * length);
      yield held.subarray(0, length);
      place += 2 * length;
      held = held.subarray(2 * length);
    }
    if (held.length > 0) yield held;
    place += held.length;
    held = new Uint8Array();
  }
  if (held.length > 0) yield held;
}
