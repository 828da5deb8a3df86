// SPDX-License-Identifier: GPL-3.0-or-later
import { bareHex, u16le, u32le } from "../bytes/fields.ts";
import { EvidenceError } from "../errors.ts";
import type { Component, ModuleIdentity, PlatformLevel, QeIdentity, SvnLevel, TcbInfo } from "./collateral.ts";
import type { PckFacts } from "./pck.ts";

// Intel's rule: levels are sorted, newest first; the first one that the platform reaches in every component decides.

export interface PlatformSvns {
  readonly pck: PckFacts;
  /** teeTcbSvn of the TD report; undefined for SGX. */
  readonly tee: Uint8Array | undefined;
}

/** With a module version, components 0 and 1 are judged by the module's own identity. */
const firstTdx = (tee: Uint8Array): number => ((tee[1] ?? 0) > 0 ? 2 : 0);

/** Components below `level`, such as `sgx[7] 3 < 5 (BIOS: microcode)`. */
export function shortOf({ pck, tee }: PlatformSvns, level: PlatformLevel): string[] {
  const line = (name: string, have: number, { svn, raisedBy }: Component): string[] =>
    have < svn ? [`${name} ${have} < ${svn}${raisedBy === "" ? "" : ` (${raisedBy})`}`] : [];
  const sgx = level.sgx.flatMap((need, i) => line(`sgx[${i}]`, pck.components[i] ?? 0, need));
  const pce = line("pce", pck.pceSvn, { svn: level.pceSvn, raisedBy: "PCE" });
  if (tee === undefined) return [...sgx, ...pce];
  const from = firstTdx(tee);
  return [...sgx, ...pce, ...level.tdx.flatMap((need, i) => (i < from ? [] : line(`tdx[${i}]`, tee[i] ?? 0, need)))];
}

export interface Matched {
  readonly level: PlatformLevel;
  readonly short: readonly string[];
}

/** The platform's level and what is short of the newest. Error: TCB, naming every component short of the lowest level. */
export function matchPlatform(svns: PlatformSvns, info: TcbInfo): Matched {
  const [newest] = info.levels;
  const lowest = info.levels.at(-1);
  if (newest === undefined || lowest === undefined) throw new EvidenceError("COLLATERAL", { detail: "no TCB levels" });
  const level = info.levels.find((candidate) => shortOf(svns, candidate).length === 0);
  if (level === undefined) throw new EvidenceError("TCB", { detail: shortOf(svns, lowest).join(", ") });
  return { level, short: shortOf(svns, newest) };
}

function matchSvn(levels: readonly SvnLevel[], have: number, what: string): SvnLevel {
  const level = levels.find(({ isvSvn }) => have >= isvSvn);
  if (level === undefined)
    throw new EvidenceError("TCB", { detail: `${what} ${have} < ${levels.at(-1)?.isvSvn ?? "any level"}` });
  return level;
}

/** Intel's rule for masked fields: equal wherever the mask has a bit. */
export function masked(bytes: Uint8Array, mask: string, want: string): boolean {
  return bytes.every((byte, i) => {
    const at = (hex: string) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
    return (byte & at(mask)) === at(want);
  });
}

/** The level of the TDX module that a TD runs under. Errors: SEAM, TCB. */
export function matchModule(body: Uint8Array, info: TcbInfo): SvnLevel | undefined {
  const refuse = (detail: string): never => {
    throw new EvidenceError("SEAM", { detail });
  };
  const version = body[1] ?? 0;
  const id = `TDX_${version.toString(16).padStart(2, "0").toUpperCase()}`;
  const module: ModuleIdentity | undefined = version > 0 ? info.modules.find((known) => known.id === id) : info.module;
  if (module === undefined) return refuse(`no identity for module ${id}`);
  if (bareHex(body.subarray(64, 112)) !== module.mrSigner) return refuse("its signer");
  if (!masked(body.subarray(112, 120), module.attributesMask, module.attributes)) return refuse("its attributes");
  return version > 0 ? matchSvn(module.levels, body[0] ?? 0, `module ${id} isvSvn`) : undefined;
}

/** The quoting enclave's identity and level, from its report. Errors: QE, TCB. */
export function matchQuotingEnclave(report: Uint8Array, identity: QeIdentity): SvnLevel {
  const refuse = (detail: string): never => {
    throw new EvidenceError("QE", { detail });
  };
  if (bareHex(report.subarray(128, 160)) !== identity.mrSigner) return refuse("its mrSigner");
  if (u16le(report, 256) !== identity.isvProdId) return refuse("its isvProdId");
  if (!masked(report.subarray(48, 64), identity.attributesMask, identity.attributes)) return refuse("its attributes");
  const misc = u32le(report, 16).toString(16).padStart(8, "0");
  if (!masked(Buffer.from(misc, "hex"), identity.miscSelectMask, identity.miscSelect)) return refuse("its miscSelect");
  return matchSvn(identity.levels, u16le(report, 258), "quoting enclave isvSvn");
}
