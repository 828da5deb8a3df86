// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { ByteReader } from "../../../core/byte-reader.ts";
import { ByteWriter } from "../../../core/byte-writer.ts";
import { wordsOfG1, wordsOfG2, writeWords, type G1Point, type G2Point } from "../../../core/zk/points.ts";
import { G1_BYTES, G2_BYTES, readZkey, writeZkey, type Zkey } from "../keys/zkey-file.ts";
import { MAX_FILE_BYTES } from "../r1cs/format.ts";
import { readG1Lem, readG2Lem } from "./lem.ts";
import { checkName } from "./name.ts";
import { guarded, malformed, readLimited } from "./read-file.ts";

/** blake2b-512, snarkjs's hash. */
export const HASH_BYTES = 64;
const MAX_CONTRIBUTIONS = 1024;
const LEAST_CONTRIBUTION_BYTES = 3 * G1_BYTES + G2_BYTES + HASH_BYTES + 8;

/** One contribution to δ2, as snarkjs keeps it in section 10. */
export interface StockContribution {
  readonly kind: "person" | "beacon";
  readonly name: string;
  readonly deltaAfter: G1Point;
  /** Of deltas, public key and transcript: what snarkjs prints as the contribution's hash. */
  readonly hash: Uint8Array;
  readonly iterations: number;
  readonly beacon: Uint8Array;
}

/** A snarkjs key with its phase 2 transcript read. */
export interface StockKey {
  readonly file: string;
  readonly zkey: Zkey;
  readonly deltaG1: G1Point;
  readonly deltaG2: G2Point;
  /** What the transcript begins with. Of `zkey new`: the hash of all its points. */
  readonly circuitHash: Uint8Array;
  readonly contributions: readonly StockContribution[];
}

function readParameters(file: string, kind: "person" | "beacon", bytes: Uint8Array) {
  const reader = new ByteReader(bytes, file);
  const field = (tag: number): number => {
    if (reader.u8() !== tag) throw malformed(file, "the parameters of a contribution are out of order");
    return reader.u8();
  };
  const name = checkName(new TextDecoder().decode(reader.raw(field(1))));
  let [iterations, beacon] = [0, new Uint8Array()];
  if (kind === "beacon") {
    iterations = field(2);
    beacon = reader.raw(field(3)).slice();
  }
  reader.end();
  return { name, iterations, beacon };
}

function readContribution(file: string, reader: ByteReader): StockContribution {
  const points = reader.raw(3 * G1_BYTES + G2_BYTES);
  const transcript = reader.raw(HASH_BYTES);
  const type = reader.u32le();
  if (type > 1) throw malformed(file, `a contribution has type ${type}`);
  const kind = type === 0 ? "person" : "beacon";
  const parameters = readParameters(file, kind, reader.raw(reader.u32le()));
  // As snarkjs hashes it: coordinates big-endian, G2 with c1 first.
  const writer = new ByteWriter();
  for (const at of [0, G1_BYTES, 2 * G1_BYTES]) writeWords(writer, wordsOfG1(readG1Lem(points, at)));
  writeWords(writer, wordsOfG2(readG2Lem(points, 3 * G1_BYTES))).raw(transcript);
  const hash = new Uint8Array(createHash("blake2b512").update(writer.finish()).digest());
  return { kind, ...parameters, deltaAfter: readG1Lem(points), hash };
}

/**
 * Reads a Groth16 .zkey from anyone: sections, lengths, field, counts, form of every contribution. Points are read, not judged. Error:
 * FILE_MALFORMED.
 */
export function parseStockKey(bytes: Uint8Array, file: string): StockKey {
  return guarded(file, () => {
    const zkey = readZkey(bytes);
    const reader = new ByteReader(zkey.transcript, file);
    const circuitHash = reader.raw(HASH_BYTES).slice();
    const count = reader.count(reader.u32le(), MAX_CONTRIBUTIONS, LEAST_CONTRIBUTION_BYTES);
    const contributions = Array.from({ length: count }, () => readContribution(file, reader));
    reader.end();
    const [deltaG1, deltaG2] = [readG1Lem(zkey.delta1), readG2Lem(zkey.delta2)];
    return { file, zkey, deltaG1, deltaG2, circuitHash, contributions };
  });
}

export const readStockKey = (path: string): StockKey =>
  parseStockKey(readLimited(path, MAX_FILE_BYTES), basename(path));

/** The bytes of a key to which nobody has contributed, with these C points and this start of its transcript. */
export const writeInitialKey = ({ zkey }: StockKey, c: Uint8Array, circuitHash: Uint8Array): Uint8Array =>
  writeZkey({ ...zkey, c, transcript: new ByteWriter().fixed(circuitHash, HASH_BYTES).u32le(0).finish() });
