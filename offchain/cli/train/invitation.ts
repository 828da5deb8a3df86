// SPDX-License-Identifier: GPL-3.0-or-later
import { z } from "zod";
import type { Hex } from "../../core/bytes.ts";
import type { TrainSession } from "../../engines/split/train/sealed-channel.ts";
import { readJson } from "../connection.ts";
import { CliError } from "../errors.ts";
import { card, type TrainCard } from "./identity-file.ts";
import type { Keep } from "./train-network.ts";

const hash = z.templateLiteral(["0x", z.string().regex(/^[0-9a-f]{64}$/)]);

const schema = z.strictObject({
  version: z.literal(1),
  url: z.url({ protocol: /^https?$/ }),
  server: z.string(),
  /** Drawn by the server when it starts: no message of another training opens in this one. */
  run: hash,
  /** Of the model file that both begin with. */
  onnxHash: hash,
  keepFirst: z.number().int().min(1).max(1000),
  keepLast: z.number().int().min(0).max(1000),
  rate: z.number().positive().max(10),
});

/** What a server hands to its client, by whatever way they trust. */
export type Invitation = z.infer<typeof schema>;

/** Error: FILE_UNREADABLE. */
export function readInvitation(path: string): { invitation: Invitation; server: TrainCard; keep: Keep } {
  const parsed = schema.safeParse(readJson(path));
  const refuse = (why: string) => new CliError("FILE_UNREADABLE", { path, why });
  if (!parsed.success) throw refuse("it is no invitation to a training");
  const server = card(parsed.data.server);
  if ("why" in server) throw refuse("its server has no card");
  const { keepFirst, keepLast } = parsed.data;
  return { invitation: parsed.data, server: server.value, keep: { first: keepFirst, last: keepLast } };
}

/** Trainings belong to no deployment: their random name alone tells them apart. */
export const sessionOf = (run: Hex, other: TrainCard): TrainSession => ({
  chainId: 0n,
  hub: `0x${"0".repeat(40)}`,
  run,
  other,
});
