// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Bytes of a secret that are looked for at once: fewer would be found by chance, more would miss what is cut. */
const PART = 16;
/** Of any form: bytes as they are, and twelve in base64. */
const SHORTEST = PART;
/** Different values among them: a run of zeros is in every file. */
const LEAST_VALUES = 6;
/** Of any form: "-128, " for each byte. */
const LONGEST = 6 * PART;

export interface Secrecy {
  /** Secrets that were looked for, and the bytes that were looked through, by place. */
  readonly secrets: number;
  readonly bytes: Readonly<Record<string, number>>;
  /** "input in logs/worker-03.log": empty, or this run has failed. */
  readonly found: readonly string[];
  /** What is public and must turn up, by place: a search that finds nothing anywhere says nothing. */
  readonly marks: Readonly<Record<string, number>>;
}

/** Looks for planted secrets in whatever is shown to it. */
export interface SecretWatch {
  /** `what` is a kind, such as "input". Bytes of too few different values are refused: RangeError. */
  plant(what: string, secret: Uint8Array): void;
  /** Something public that is expected somewhere. */
  mark(bytes: Uint8Array): void;
  look(place: string, bytes: Uint8Array): void;
  /** Of a stream: looks across the ends of its chunks. */
  follow(place: string): (chunk: Uint8Array) => void;
  /** Every file below a folder. */
  lookInFolder(place: string, folder: string): void;
  readonly secrecy: Secrecy;
}

interface Form {
  readonly what: string;
  readonly bytes: Buffer;
}

/**
 * Each secret is looked for as raw bytes, hexadecimal in both cases, base64 and base64url in all alignments, and as decimal numbers with
 * commas. Patterns begin at any byte, so one pass over the bytes with a table of first three bytes serves all of them.
 */
export function createSecretWatch(): SecretWatch {
  const forms = new Map<number, Form[]>();
  const first = new Uint8Array(1 << 24);
  const found = new Set<string>();
  const bytes: Record<string, number> = {};
  const marks: Record<string, number> = {};
  let secrets = 0;
  const add = (what: string, pattern: Buffer): void => {
    const key = keyAt(pattern, 0);
    first[key] = 1;
    forms.set(key, [...(forms.get(key) ?? []), { what, bytes: pattern }]);
  };
  const look = (place: string, shown: Uint8Array, seen = 0): void => {
    bytes[place] = (bytes[place] ?? 0) + shown.length - seen;
    const view = Buffer.from(shown.buffer, shown.byteOffset, shown.byteLength);
    let key = keyAt(view, -1);
    for (let at = 0; at + SHORTEST <= view.length; at++) {
      key = ((key << 8) | (view[at + 2] ?? 0)) & 0xff_ff_ff;
      if (first[key] === 0) continue;
      for (const { what, bytes: pattern } of forms.get(key) ?? []) {
        if (!pattern.equals(view.subarray(at, at + pattern.length))) continue;
        if (what === MARK) marks[place] = (marks[place] ?? 0) + 1;
        else found.add(`${what} in ${place}`);
      }
    }
  };
  return {
    plant: (what, secret) => {
      for (const part of tellingParts(secret)) for (const pattern of formsOf(part)) add(what, pattern);
      secrets++;
    },
    mark: (shown) => {
      for (const pattern of [Buffer.from(shown), Buffer.from(Buffer.from(shown).toString("hex"))]) add(MARK, pattern);
    },
    look: (place, shown) => look(place, shown),
    follow: (place) => {
      let tail = Buffer.alloc(0);
      return (chunk) => {
        const shown = Buffer.concat([tail, chunk]);
        look(place, shown, tail.length);
        tail = Buffer.from(shown.subarray(-LONGEST));
      };
    },
    lookInFolder: (place, folder) => {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
        if (entry.isFile()) look(place, readFileSync(join(entry.parentPath, entry.name)));
    },
    get secrecy() {
      return { secrets, bytes: { ...bytes }, found: [...found].toSorted(), marks: { ...marks } };
    },
  };
}

const MARK = "mark";

const keyAt = (view: Uint8Array, at: number): number =>
  ((view[at] ?? 0) << 16) | ((view[at + 1] ?? 0) << 8) | (view[at + 2] ?? 0);

/** The stretches of a secret with enough different values. */
function tellingParts(secret: Uint8Array): readonly Uint8Array[] {
  const parts = Array.from({ length: Math.floor(secret.length / PART) }, (_, i) =>
    secret.slice(i * PART, (i + 1) * PART),
  ).filter((part) => new Set(part).size >= LEAST_VALUES);
  if (parts.length === 0) throw new RangeError("a secret of too few different values proves nothing");
  return parts;
}

function formsOf(part: Uint8Array): readonly Buffer[] {
  const raw = Buffer.from(part);
  const hex = raw.toString("hex");
  const texts = [hex, hex.toUpperCase()];
  for (const cut of [0, 1, 2]) {
    // Whole groups of three bytes encode alike wherever they stand, if the text before them has this alignment.
    const whole = raw.subarray(cut, cut + 12);
    texts.push(whole.toString("base64"), whole.toString("base64url"));
  }
  for (const array of [part, new Int8Array(part.buffer)]) texts.push(array.join(","), array.join(", "));
  return [raw, ...texts.map((text) => Buffer.from(text))];
}
