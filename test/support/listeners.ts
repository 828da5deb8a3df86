// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface Listener {
  readonly pid: number;
  readonly address: string;
  readonly port: number;
}

/** TCP sockets in state LISTEN of the given processes, from the kernel's own tables. Linux only. */
export function listenersOf(pids: readonly number[]): readonly Listener[] {
  const bySocket = new Map<string, { address: string; port: number }>();
  for (const [file, width] of [
    ["/proc/net/tcp", 4],
    ["/proc/net/tcp6", 16],
  ] as const)
    for (const line of readFileSync(file, "utf8").split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
      const [host = "", port = ""] = local.split(":");
      if (state === "0A") bySocket.set(inode, { address: addressOf(host, width), port: Number.parseInt(port, 16) });
    }
  const found: Listener[] = [];
  for (const pid of pids)
    for (const fd of descriptorsOf(pid)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      const socket = inode === undefined ? undefined : bySocket.get(inode);
      if (socket !== undefined) found.push({ pid, ...socket });
    }
  return found;
}

/** The process and all its descendants. */
export function processTree(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

function parentOf(pid: number): number | undefined {
  try {
    // The command name in parentheses may hold spaces; the parent is the second field after it.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined; // ended meanwhile
  }
}

function descriptorsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return []; // ended meanwhile
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** The kernel prints addresses as 32-bit words in host order (little-endian here). */
function addressOf(hexText: string, bytes: 4 | 16): string {
  const raw = Buffer.from(hexText, "hex");
  for (let word = 0; word < bytes; word += 4) raw.subarray(word, word + 4).reverse();
  if (bytes === 4) return [...raw].join(".");
  if (raw.subarray(0, 12).equals(Buffer.from("00000000000000000000ffff", "hex")))
    return [...raw.subarray(12)].join(".");
  return raw.toString("hex").replace(/(.{4})(?!$)/g, "$1:");
}

/** 127.0.0.0/8 or ::1. */
export const isLoopback = (address: string): boolean =>
  address.startsWith("127.") || address === "0000:0000:0000:0000:0000:0000:0000:0001";
