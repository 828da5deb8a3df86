// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { concatBytes, utf8 } from "../../../core/bytes.ts";
import type { EvidenceFormat, IntelCollateral } from "../verdict.ts";
import { issueCertificate, issueCrl, USAGE, type CertificateRequest, type CrlRequest } from "./certificates.ts";
import { der, integer, octets, oid, pem, sequence } from "./der-writer.ts";
import { simulatedKey, type SimulatedKey } from "./keys.ts";
import { DAY, type Period, type SimulatedReport } from "./report.ts";

type CaRole = "root" | "ca" | "pck" | "signer";
type Json = Record<string, unknown>;

/** How a development platform differs from the plain one; tests of refusals use it too. */
export interface IntelOptions {
  /** Which of the vendor's machines: PCK certificate, PPID and attestation key are its own, root and collateral the vendor's. 0 if left out. */
  readonly machine?: number;
  readonly components?: readonly number[];
  readonly pceSvn?: number;
  readonly certificates?: Partial<Readonly<Record<CaRole, Partial<CertificateRequest>>>>;
  readonly rootCrl?: Partial<CrlRequest>;
  readonly caCrl?: Partial<CrlRequest>;
  readonly editTcbInfo?: (json: Json) => void;
  readonly editQeIdentity?: (json: Json) => void;
  /** Before signing. */
  readonly editSigned?: (signed: Uint8Array, bodyAt: number) => void;
  readonly editQeReport?: (report: Uint8Array) => void;
  /** Roles in the order of the quote's chain. */
  readonly chain?: readonly CaRole[];
  /** Who signs TCB info and QE identity, with this chain. */
  readonly collateralSigner?: { readonly key: SimulatedKey; readonly chain: readonly CaRole[] };
}

const SVN = [3, 3, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
const FMSPC = Uint8Array.of(0xb0, 0xc0, 0x6f, 0, 0, 0);
const QE_SIGNER = "dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5";
const NAMES: Readonly<Record<CaRole, string>> = {
  root: "SIMULATED SGX Root CA",
  ca: "Intel SGX PCK Platform CA",
  pck: "Intel SGX PCK Certificate",
  signer: "Intel SGX TCB Signing",
};
/** Serial of a machine's PCK certificate, by which lists revoke it. */
export const pckSerial = (machine: number): number => (machine === 0 ? 3 : 1_000 + machine);
const ISSUERS: Readonly<Record<CaRole, CaRole>> = { root: "root", ca: "root", pck: "ca", signer: "root" };
const SGX_OID = "2a864886f84d010d01";

function sgxExtension(ppid: Uint8Array, components: readonly number[], pceSvn: number): Uint8Array {
  const member = (id: string, value: Uint8Array): Uint8Array => sequence(oid(SGX_OID + id), value);
  const svns = [...components, pceSvn].map((svn, i) =>
    member(`02${(i + 1).toString(16).padStart(2, "0")}`, integer(svn)),
  );
  return sequence(
    member("01", octets(ppid)),
    member("02", sequence(...svns, member("0212", octets(Uint8Array.from(components))))),
    member("03", octets(Uint8Array.of(0, 0))),
    member("04", octets(FMSPC)),
    member("05", der(0x0a, Uint8Array.of(0))),
  );
}

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(createHash("sha256").update(concatBytes(...parts)).digest()); // prettier-ignore
const hexBytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const little = (value: number, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) & 255);

/** SIMULATED Intel platform: quotes and collateral in Intel's byte formats, under its own root. */
export class SimulatedIntel {
  readonly keys: Readonly<Record<CaRole | "attestation", SimulatedKey>>;
  readonly #certificates: Readonly<Record<CaRole, Uint8Array>>;
  readonly #options: IntelOptions;
  readonly #seed: Uint8Array;
  readonly #period: Period;

  constructor(seed: Uint8Array, period: Period, options: IntelOptions = {}) {
    this.#seed = seed;
    this.#period = period;
    this.#options = options;
    const { components = SVN, pceSvn = 11, machine = 0 } = options;
    // The first machine's labels are those of a vendor with one.
    const own = machine === 0 ? "" : `.${machine}`;
    const key = (label: string): SimulatedKey => simulatedKey(seed, `intel.${label}`, "P-256");
    this.keys = {
      root: key("root"),
      ca: key("ca"),
      pck: key(`pck${own}`),
      signer: key("signer"),
      attestation: key(`attestation${own}`),
    };
    const ppid = sha256(seed, utf8(`ppid${own}`)).subarray(0, 16);
    this.#certificates = {
      root: this.#issue("root", 1, { ca: { pathLength: 1 }, usage: USAGE.issue }),
      ca: this.#issue("ca", 2, { ca: { pathLength: 0 }, usage: USAGE.issue }),
      pck: this.#issue("pck", pckSerial(machine), {
        extensions: [{ oid: SGX_OID, isCritical: false, contents: sgxExtension(ppid, components, pceSvn) }],
      }),
      signer: this.#issue("signer", 4, {}),
    };
  }

  #issue(role: CaRole, serial: number, more: Partial<CertificateRequest>): Uint8Array {
    const issuer = ISSUERS[role];
    return issueCertificate({
      commonName: NAMES[role],
      issuer: NAMES[issuer],
      serial,
      notBefore: this.#period.from,
      notAfter: this.#period.from + 3650n * DAY,
      key: this.keys[role],
      signer: this.keys[issuer],
      usage: USAGE.sign,
      ...more,
      ...this.#options.certificates?.[role],
    });
  }

  chain(roles: readonly CaRole[]): string {
    return pem(...roles.map((role) => this.#certificates[role]));
  }

  /** A quote of version 3 (SGX), 4 (TD 1.0) or 5 (TD 1.5). */
  quote(format: EvidenceFormat, report: SimulatedReport): Uint8Array {
    const version = Number(format.at(-1));
    const isTdx = version > 3;
    const header = new Uint8Array(48);
    header.set([version, 0, 2, 0, isTdx ? 0x81 : 0]);
    header.set(hexBytes("939a7233f79c4ca9940a0db3957f0607"), 12);
    const body = isTdx ? this.#tdBody(report, version === 5 ? 648 : 584) : this.#sgxBody(report);
    const descriptor = version === 5 ? concatBytes(little(3, 2), little(body.length, 4)) : new Uint8Array();
    const signed = concatBytes(header, descriptor, body);
    this.#options.editSigned?.(signed, 48 + descriptor.length);
    const auth = Uint8Array.from({ length: 32 }, (_, i) => i);
    const qe = this.#qeReport(isTdx, auth);
    const chain = utf8(this.chain(this.#options.chain ?? ["pck", "ca", "root"]));
    const inner = concatBytes(
      qe,
      this.keys.pck.signRaw(qe),
      little(32, 2),
      auth,
      little(5, 2),
      little(chain.length, 4),
      chain,
    );
    const certification = version === 3 ? inner : concatBytes(little(6, 2), little(inner.length, 4), inner);
    const data = concatBytes(this.keys.attestation.signRaw(signed), this.keys.attestation.point, certification);
    return concatBytes(signed, little(data.length, 4), data);
  }

  #tdBody({ reportData, measurement }: SimulatedReport, size: number): Uint8Array {
    const body = new Uint8Array(size);
    body.set([6, 1, 3]);
    body[123] = 0x10;
    body.set([0xe7, 0x02, 0x06], 128);
    body.set(measurement.subarray(0, 48), 136);
    body.set(sha256(this.#seed, utf8("rtmr0")), 328);
    body.set(reportData, 520);
    return body;
  }

  #sgxBody({ reportData, measurement }: SimulatedReport): Uint8Array {
    const body = new Uint8Array(384);
    body.set(SVN);
    body.set([5, 0, 0, 0, 0, 0, 0, 0, 0xe7], 48);
    body.set(measurement.subarray(0, 32), 64);
    body.set(sha256(utf8("assay.v1.simulated.mrsigner")), 128);
    body.set(reportData, 320);
    return body;
  }

  #qeReport(isTdx: boolean, auth: Uint8Array): Uint8Array {
    const report = new Uint8Array(384);
    report.set(SVN);
    report.set([0x11, 0, 0, 0, 0, 0, 0, 0, 0xe7], 48);
    report.set(hexBytes(QE_SIGNER), 128);
    report.set([isTdx ? 2 : 1, 0, 11, 0], 256);
    report.set(sha256(this.keys.attestation.point, auth), 320);
    this.#options.editQeReport?.(report);
    return report;
  }

  #crl(issuer: "root" | "ca", more: Partial<CrlRequest> | undefined): Uint8Array {
    const { from, to } = this.#period;
    return issueCrl({ issuer: NAMES[issuer], signer: this.keys[issuer], thisUpdate: from, nextUpdate: to, ...more });
  }

  /** Collateral in Intel's key order, current during the platform's period. */
  collateral(isTdx: boolean): IntelCollateral {
    const { editTcbInfo, editQeIdentity, collateralSigner, rootCrl, caCrl } = this.#options;
    const { key, chain } = collateralSigner ?? { key: this.keys.signer, chain: ["signer", "root"] as const };
    const iso = (seconds: bigint): string => new Date(Number(seconds) * 1000).toISOString().replace(".000", "");
    const dates = { issueDate: iso(this.#period.from), nextUpdate: iso(this.#period.to) };
    const tcb: Json = tcbInfo(isTdx, dates);
    editTcbInfo?.(tcb);
    const qe: Json = qeIdentity(isTdx, dates);
    editQeIdentity?.(qe);
    const [tcbText, qeText] = [JSON.stringify(tcb), JSON.stringify(qe)];
    const pemChain = this.chain(chain);
    return {
      kind: "intel",
      rootCrl: this.#crl("root", rootCrl),
      pckCrl: this.#crl("ca", caCrl),
      tcbInfo: tcbText,
      tcbInfoSignature: key.signRaw(utf8(tcbText)),
      tcbInfoChain: pemChain,
      qeIdentity: qeText,
      qeIdentitySignature: key.signRaw(utf8(qeText)),
      qeIdentityChain: pemChain,
    };
  }
}

const component = (svn: number, i: number): Json =>
  i === 0 ? { svn, category: "BIOS", type: "Early Microcode Update" } : { svn };

function tcbInfo(isTdx: boolean, dates: Json): Json {
  const tdx = [5, 0, 3, ...Array.from({ length: 13 }, () => 0)];
  const level = (lower: number, tcbStatus: string, more: Json = {}): Json => ({
    tcb: {
      sgxtcbcomponents: SVN.map((svn, i) => component(Math.max(0, svn - lower), i)),
      pcesvn: 11 - lower,
      ...(isTdx ? { tdxtcbcomponents: tdx.map((svn, i) => component(svn, i)) } : {}),
    },
    tcbDate: lower === 0 ? "2024-03-13T00:00:00Z" : "2023-08-09T00:00:00Z",
    tcbStatus,
    ...more,
  });
  const module = { mrsigner: "0".repeat(96), attributes: "0".repeat(16), attributesMask: "F".repeat(16) };
  const moduleLevels = [
    { tcb: { isvsvn: 4 }, tcbDate: "2024-03-13T00:00:00Z", tcbStatus: "UpToDate" },
    { tcb: { isvsvn: 2 }, tcbDate: "2023-08-09T00:00:00Z", tcbStatus: "OutOfDate", advisoryIDs: ["INTEL-SA-00001"] },
  ];
  return {
    id: isTdx ? "TDX" : "SGX",
    version: 3,
    ...dates,
    fmspc: "B0C06F000000",
    pceId: "0000",
    tcbType: 0,
    tcbEvaluationDataNumber: 17,
    ...(isTdx
      ? { tdxModule: module, tdxModuleIdentities: [{ id: "TDX_01", ...module, tcbLevels: moduleLevels }] }
      : {}),
    tcbLevels: [level(0, "UpToDate"), level(1, "OutOfDate", { advisoryIDs: ["INTEL-SA-00002"] })],
  };
}

function qeIdentity(isTdx: boolean, dates: Json): Json {
  return {
    id: isTdx ? "TD_QE" : "QE",
    version: 2,
    ...dates,
    tcbEvaluationDataNumber: 17,
    miscselect: "00000000",
    miscselectMask: "FFFFFFFF",
    attributes: "11000000000000000000000000000000",
    attributesMask: "FBFFFFFFFFFFFFFF0000000000000000",
    mrsigner: QE_SIGNER.toUpperCase(),
    isvprodid: isTdx ? 2 : 1,
    tcbLevels: [
      { tcb: { isvsvn: 8 }, tcbDate: "2024-03-13T00:00:00Z", tcbStatus: "UpToDate" },
      { tcb: { isvsvn: 4 }, tcbDate: "2023-08-09T00:00:00Z", tcbStatus: "OutOfDate" },
    ],
  };
}
