// SPDX-License-Identifier: GPL-3.0-or-later
import { equalBytes } from "../../../core/bytes.ts";
import { isAssayError } from "../../../core/errors.ts";
import { bareHex, u16le } from "../bytes/fields.ts";
import { parseQuote } from "../dcap/parse.ts";
import { EvidenceError } from "../errors.ts";
import { parseSnp } from "../snp/parse.ts";
import { MAX_EVIDENCE_BYTES } from "../verify.ts";
import type { Evidence, EvidenceFormat } from "../verdict.ts";
import type { EnclaveProvider } from "./port.ts";

/** The four calls on configfs, injected: races are tested without hardware. Paths are absolute. */
export interface TsmFiles {
  /** Fails if it exists. */
  makeFolder(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
  write(path: string, bytes: Uint8Array): Promise<void>;
  read(path: string): Promise<Uint8Array>;
}

/** Where configfs shows reports. */
export const TSM_FOLDER = "/sys/kernel/config/tsm/report";

export interface TsmOptions {
  /** `TSM_FOLDER` by default. */
  readonly folder?: string;
}
export interface TsmModules {
  readonly files: TsmFiles;
  /** `count` random bytes, for names only. */
  readonly random: (count: number) => Uint8Array;
}

/** Why to ask once more. */
interface Again {
  readonly again: string;
  readonly cause?: unknown;
}

const TRIES = 3;
const decode = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes).trim();
const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
const gives = (detail: string, cause?: unknown) => new EvidenceError("PROVIDER", { detail }, { cause });

/**
 * Linux's configfs-tsm (6.7 or newer; Documentation/ABI/testing/configfs-tsm), in guests of TDX and SEV-SNP. Each request has a
 * folder of its own. The kernel counts writes in `generation`; if it counted another's beside ours, what was read may be another's
 * report: it is thrown away and asked for again, three times at most.
 */
export class TsmProvider implements EnclaveProvider {
  readonly kind = "tsm";
  readonly root = "production";
  readonly #folder: string;
  readonly #modules: TsmModules;

  constructor({ folder = TSM_FOLDER }: TsmOptions, modules: TsmModules) {
    this.#folder = folder;
    this.#modules = modules;
  }

  async quote(reportData: Uint8Array): Promise<Evidence> {
    if (reportData.length !== 64)
      throw new EvidenceError("BINDING", { detail: `report data of ${reportData.length} bytes, not 64` });
    let last: Again = { again: "no attempt was made" };
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const result = await this.#attempt(reportData);
      if (!("again" in result)) return result;
      last = result;
    }
    throw gives(last.again, last.cause);
  }

  /** Evidence, or why to ask again. What cannot become better by asking again is thrown. */
  async #attempt(reportData: Uint8Array): Promise<Evidence | Again> {
    const { files, random } = this.#modules;
    const own = `${this.#folder}/assay-${bareHex(random(8))}`;
    await files.makeFolder(own).catch((cause: unknown) => {
      throw gives(`${this.#folder} takes no request (${reasonOf(cause)})`, cause);
    });
    try {
      const start = await this.#generation(own);
      await files.write(`${own}/inblob`, reportData);
      // Busy: somebody else writes to this folder, or to the one device behind all of them.
      const bytes = await files.read(`${own}/outblob`);
      const provider = decode(await files.read(`${own}/provider`));
      const end = await this.#generation(own);
      if (end !== start + 1) return { again: `${end - start} writes to our request, not one` };
      return evidenceOf(provider, bytes, reportData);
    } catch (error) {
      if (isAssayError(error)) throw error;
      return { again: reasonOf(error), cause: error };
    } finally {
      await files.removeFolder(own).catch(() => undefined);
    }
  }

  async #generation(own: string): Promise<number> {
    const text = decode(await this.#modules.files.read(`${own}/generation`));
    if (!/^\d{1,15}$/.test(text)) throw gives(`generation is ${text.slice(0, 20)}`);
    return Number(text);
  }
}

function evidenceOf(provider: string, bytes: Uint8Array, reportData: Uint8Array): Evidence {
  if (bytes.length > MAX_EVIDENCE_BYTES) throw gives(`evidence of ${bytes.length} bytes`);
  const format = formatOf(provider, bytes);
  // Ours by its own words too: whoever verifies it would otherwise find out, after it was paid for.
  const said = format === "snp-report" ? parseSnp(bytes).reportData : parseQuote(bytes, format).body.subarray(520, 584);
  if (!equalBytes(said, reportData))
    throw new EvidenceError("BINDING", { detail: "the platform quoted other report data" });
  return { format, bytes, runtime: new Uint8Array() };
}

function formatOf(provider: string, bytes: Uint8Array): EvidenceFormat {
  if (provider === "sev_guest") return "snp-report";
  const version = bytes.length < 2 ? 0 : u16le(bytes, 0);
  if (provider === "tdx_guest" && (version === 4 || version === 5)) return `dcap-tdx-v${version}`;
  throw gives(`provider ${provider.slice(0, 40)} with version ${version}`);
}
