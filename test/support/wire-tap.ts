// SPDX-License-Identifier: GPL-3.0-or-later
import { Socket } from "node:net";

type Write = (this: Socket, ...args: Parameters<Socket["write"]>) => boolean;

/** Everything that any socket of this process writes: workers, client and chain talk through sockets only. */
export class WireTap {
  readonly #chunks: Buffer[] = [];
  readonly #write = Reflect.get(Socket.prototype, "write") as Write;

  constructor() {
    const [chunks, original] = [this.#chunks, this.#write];
    Socket.prototype.write = function tapped(this: Socket, ...args: Parameters<Socket["write"]>) {
      const [data] = args;
      chunks.push(typeof data === "string" ? Buffer.from(data) : Buffer.from(data));
      return original.apply(this, args);
    } as Socket["write"];
  }

  get bytes(): number {
    return this.#chunks.reduce((sum, { length }) => sum + length, 0);
  }

  /** Whether these bytes were written by anyone, as they are or in hexadecimal. */
  saw(secret: Uint8Array): boolean {
    const all = Buffer.concat(this.#chunks);
    const hex = Buffer.from(secret).toString("hex");
    return all.includes(Buffer.from(secret)) || all.includes(hex) || all.includes(hex.toUpperCase());
  }

  close(): void {
    Socket.prototype.write = this.#write as Socket["write"];
  }
}
