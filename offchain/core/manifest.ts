// SPDX-License-Identifier: MIT
import { isHex, utf8, type Hex } from "./bytes.ts";
import type { Finish } from "./program/types.ts";
import { keccak256 } from "./keccak.ts";
import { modelId } from "./model.ts";
import { CoreError } from "./core-errors.ts";
import { NO_PROBE, type ModelManifest, type StageInfo } from "./types.ts";

/**
 * The readable form of a model's manifest, `manifest.json`. `model` is exactly what is hashed into the model id
 * (`ModelManifest` of contracts/types/Types.sol); the rest is what its hashes stand for.
 */
export interface ManifestFile {
  readonly version: 1;
  readonly modelId: Hex;
  readonly model: ModelManifest;
  /** Hashed into `model.toolsHash`: how the program was made and how large it is. */
  readonly tools: ToolsRecord;
}

export interface ToolsRecord {
  readonly opset: number;
  readonly compiler: string;
  /** keccak256 of `model.json`: preprocessing and the meaning of the output belong to the model. */
  readonly usageHash: Hex;
  /** keccak256 of the ONNX file. */
  readonly sourceHash: Hex;
  readonly stages: readonly StageHints[];
  /** Of a model whose stages are over ciphertexts: what they evaluate. */
  readonly cipher?: CipherRecord | undefined;
}

export interface CipherRecord {
  /** Model id of the polynomial program in the clear: it says what inputs mean, and what the result decrypts to. */
  readonly plain: Hex;
  /** `sheProgramId`: plan, weight roots and tolerance. */
  readonly program: Hex;
  /** Of an encrypted linear step of an integer program: its place, and what its key holder does with the accumulators. */
  readonly refresh?: RefreshRecord | undefined;
}

/** All that a key holder needs of a step beside its SHE program: no weights. */
export interface RefreshRecord {
  readonly step: number;
  /** Of the whole program. */
  readonly steps: number;
  /** Number of the plain program's operator that the step is, as linear checks name it; null where it joins several. */
  readonly op: number | null;
  /** Of the accumulators: channels, and elements of each. */
  readonly channels: number;
  readonly inner: number;
  /** No accumulator is larger, whatever the input. */
  readonly largest: number;
  /** The operator's rounding and activation. */
  readonly finish: FinishRecord;
}

type ScaleFinish = Extract<Finish, { readonly kind: "scale" }>;

/** `Finish` of a program in JSON. */
export type FinishRecord =
  | Extract<Finish, { readonly kind: "exact" }>
  | (Omit<ScaleFinish, "table"> & { readonly table: readonly number[] | null });

export interface StageHints {
  readonly macs: number;
  readonly weightBytes: number;
  readonly peakActivationBytes: number;
  /** `f32` marks a float model, `u32-mod` a lane of a MASKED stage; `ciphertext` has its bytes as the only dimension. */
  readonly outDtype: "i8" | "i32" | "f32" | "u32-mod" | "ciphertext";
  readonly outDims: readonly number[];
}

/** JSON with sorted keys and a final newline: one text per value, so that its hash is a name. */
export function canonicalJson(value: unknown): string {
  const sort = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(sort);
    if (typeof item !== "object" || item === null) return typeof item === "bigint" ? item.toString() : item;
    return Object.fromEntries(
      Object.entries(item)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, inner]) => [key, sort(inner)]),
    );
  };
  return `${JSON.stringify(sort(value), null, 2)}\n`;
}

/** keccak256 of the canonical JSON. */
export const hashJson = (value: unknown): Uint8Array => keccak256(utf8(canonicalJson(value)));

/** The text of `manifest.json`. */
export function encodeManifestFile(model: ModelManifest, tools: ToolsRecord): string {
  return canonicalJson({ version: 1, modelId: modelId(model), model, tools });
}

const refuse = (why: string) => new CoreError("NOT_CANONICAL", { what: "The manifest", why });
type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown, names: readonly string[], where: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse(`${where} is not an object`);
  const keys = Object.keys(value);
  const strange = keys.find((key) => !names.includes(key)) ?? names.find((name) => !keys.includes(name));
  if (strange !== undefined) throw refuse(`${where} lacks or should not have "${strange}"`);
  return value as Fields;
}

const isWord = (value: unknown): value is Hex => isHex(value, 32);

function word(value: unknown, where: string): Hex {
  if (!isWord(value)) throw refuse(`${where} is not 32 bytes`);
  return value;
}

function integer(value: unknown, most: number, where: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0 || value > most) {
    throw refuse(`${where} is not a number up to ${most}`);
  }
  return value;
}

function list(value: unknown, most: number, where: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most) throw refuse(`${where} is not a list of at most ${most}`);
  return value;
}

function text(value: unknown, most: number, where: string): string {
  if (typeof value !== "string" || value.length > most) throw refuse(`${where} is not a short text`);
  return value;
}

function stageInfo(value: unknown, index: number): StageInfo {
  const where = `stage ${index}`;
  const f = fields(value, "place inKind outKind probe kernel keyId weightsX weightsY producers".split(" "), where);
  return {
    place: integer(f["place"], 1, `${where} place`),
    inKind: integer(f["inKind"], 3, `${where} inKind`),
    outKind: integer(f["outKind"], 3, `${where} outKind`),
    probe: integer(f["probe"], NO_PROBE, `${where} probe`),
    kernel: word(f["kernel"], `${where} kernel`),
    keyId: word(f["keyId"], `${where} keyId`),
    weightsX: word(f["weightsX"], `${where} weightsX`),
    weightsY: word(f["weightsY"], `${where} weightsY`),
    producers: list(f["producers"], 64, `${where} producers`).map((p) => integer(p, 0xffff, `${where} producer`)),
  };
}

const OUT_DTYPES = ["i8", "i32", "f32", "u32-mod", "ciphertext"] as const;

function signed(value: unknown, most: number, where: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || Math.abs(value) > most || Object.is(value, -0))
    throw refuse(`${where} is not a number between -${most} and ${most}`);
  return value;
}

const MAX_STEPS = 16;
const MAX_CHANNELS = 4_096;
const MAX_SHIFT = 31;
const I32 = 2 ** 31 - 1;

function finishRecord(value: unknown, channels: number): FinishRecord {
  const where = "tools.cipher finish";
  const isExact = typeof value === "object" && value !== null && "kind" in value && value.kind === "exact";
  const f = fields(value, isExact ? ["kind"] : ["kind", "dtype", "shifts", "lo", "hi", "table"], where);
  if (isExact) return { kind: "exact" };
  const dtype = (["i8", "i32"] as const).find((known) => known === f["dtype"]);
  if (f["kind"] !== "scale" || dtype === undefined) throw refuse(`${where} has an unknown kind`);
  const shifts = list(f["shifts"], channels, where).map((shift) => integer(shift, MAX_SHIFT, `${where} shift`));
  if (shifts.length !== 1 && shifts.length !== channels) throw refuse(`${where} has ${shifts.length} shifts`);
  const most = dtype === "i8" ? 127 : I32;
  const [lo, hi] = [signed(f["lo"], most, `${where} lo`), signed(f["hi"], most, `${where} hi`)];
  if (lo > hi) throw refuse(`${where} has no values`);
  const table =
    f["table"] === null ? null : list(f["table"], 256, where).map((entry) => signed(entry, 127, `${where} table`));
  if (table !== null && table.length !== hi - lo + 1) throw refuse(`${where} has ${table.length} table entries`);
  return { kind: "scale", dtype, shifts, lo, hi, table };
}

function refreshRecord(value: unknown): RefreshRecord {
  const where = "tools.cipher refresh";
  const f = fields(value, ["step", "steps", "op", "channels", "inner", "largest", "finish"], where);
  const steps = integer(f["steps"], MAX_STEPS, `${where} steps`);
  const channels = integer(f["channels"], MAX_CHANNELS, `${where} channels`);
  return {
    step: integer(f["step"], steps - 1, `${where} step`),
    steps,
    op: f["op"] === null ? null : integer(f["op"], 0xffff, `${where} op`),
    channels,
    inner: integer(f["inner"], MAX_CHANNELS, `${where} inner`),
    largest: integer(f["largest"], I32, `${where} largest`),
    finish: finishRecord(f["finish"], channels),
  };
}

function cipherRecord(value: unknown): CipherRecord {
  const isRefreshed = typeof value === "object" && value !== null && "refresh" in value;
  const f = fields(value, ["plain", "program", ...(isRefreshed ? ["refresh"] : [])], "tools.cipher");
  return {
    plain: word(f["plain"], "tools.cipher plain"),
    program: word(f["program"], "tools.cipher program"),
    ...(isRefreshed ? { refresh: refreshRecord(f["refresh"]) } : {}),
  };
}

function hints(value: unknown, index: number): StageHints {
  const where = `hints ${index}`;
  const f = fields(value, ["macs", "weightBytes", "peakActivationBytes", "outDtype", "outDims"], where);
  const outDtype = OUT_DTYPES.find((known) => known === f["outDtype"]);
  if (outDtype === undefined) throw refuse(`${where} outDtype is unknown`);
  const most = Number.MAX_SAFE_INTEGER;
  return {
    macs: integer(f["macs"], most, where),
    weightBytes: integer(f["weightBytes"], most, where),
    peakActivationBytes: integer(f["peakActivationBytes"], most, where),
    outDtype,
    outDims: list(f["outDims"], 8, where).map((dim) => integer(dim, 0xffffffff, where)),
  };
}

/**
 * Reads `manifest.json`: exactly the known fields, in canonical JSON, with a model id that fits. It does not check that
 * files match the hashes; `loadModel` does. Error: NOT_CANONICAL.
 */
export function decodeManifestFile(json: string): ManifestFile {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw new CoreError("NOT_CANONICAL", { what: "The manifest", why: "it is not JSON" }, { cause });
  }
  const file = fields(parsed, ["version", "modelId", "model", "tools"], "it");
  if (file["version"] !== 1) throw refuse("its version is unknown");
  const names = "name programRoot stages acceptedMasks workUnits weightsHash reportHash toolsHash".split(" ");
  const m = fields(file["model"], names, "model");
  const units = m["workUnits"];
  if (typeof units !== "string" || !/^(0|[1-9][0-9]{0,18})$/.test(units))
    throw refuse("workUnits is not a decimal text");
  const model: ModelManifest = {
    name: text(m["name"], 64, "name"),
    programRoot: word(m["programRoot"], "programRoot"),
    stages: list(m["stages"], 32, "stages").map(stageInfo),
    acceptedMasks: integer(m["acceptedMasks"], 0xffffffff, "acceptedMasks"),
    workUnits: BigInt(units),
    weightsHash: word(m["weightsHash"], "weightsHash"),
    reportHash: word(m["reportHash"], "reportHash"),
    toolsHash: word(m["toolsHash"], "toolsHash"),
  };
  const isCiphered = typeof file["tools"] === "object" && file["tools"] !== null && "cipher" in file["tools"];
  const known = ["opset", "compiler", "usageHash", "sourceHash", "stages", ...(isCiphered ? ["cipher"] : [])];
  const t = fields(file["tools"], known, "tools");
  const tools: ToolsRecord = {
    opset: integer(t["opset"], 1000, "opset"),
    compiler: text(t["compiler"], 200, "compiler"),
    usageHash: word(t["usageHash"], "usageHash"),
    sourceHash: word(t["sourceHash"], "sourceHash"),
    stages: list(t["stages"], 32, "tools.stages").map(hints),
    ...(isCiphered ? { cipher: cipherRecord(t["cipher"]) } : {}),
  };
  if (encodeManifestFile(model, tools) !== json) throw refuse("its model id or its form is wrong");
  return { version: 1, modelId: modelId(model), model, tools };
}
