// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, utf8 } from "../../../core/bytes.ts";
import { issueCertificate, USAGE, type CertificateRequest } from "./certificates.ts";
import { simulatedKey, type SimulatedKey } from "./keys.ts";
import { DAY, type Period, type SimulatedReport } from "./report.ts";

type Role = "root" | "regional" | "leaf";

export interface AwsOptions {
  readonly certificates?: Partial<Readonly<Record<Role, Partial<CertificateRequest>>>>;
  readonly pcrs?: readonly (Uint8Array | undefined)[];
  /** Protected header; ES384 by default. */
  readonly header?: Uint8Array;
  readonly digest?: string;
  readonly timestampMs?: bigint;
  readonly userData?: Uint8Array | null;
  readonly nonce?: Uint8Array | null;
  readonly publicKey?: Uint8Array | null;
  readonly extraField?: string;
}

function head(major: number, value: bigint | number): Uint8Array {
  const n = BigInt(value);
  const first = major << 5;
  if (n < 24n) return Uint8Array.of(first | Number(n));
  const size = n < 256n ? 1 : n < 65_536n ? 2 : n < 2n ** 32n ? 4 : 8;
  const bytes = Uint8Array.from({ length: size }, (_, i) => Number((n >> BigInt(8 * (size - 1 - i))) & 255n));
  return concatBytes(Uint8Array.of(first | (24 + Math.log2(size))), bytes);
}
export const cborBytes = (bytes: Uint8Array): Uint8Array => concatBytes(head(2, bytes.length), bytes);
export const cborText = (text: string): Uint8Array => concatBytes(head(3, utf8(text).length), utf8(text));
const list = (items: readonly Uint8Array[]): Uint8Array => concatBytes(head(4, items.length), ...items);
const NULL = Uint8Array.of(0xf6);
const optional = (bytes: Uint8Array | null): Uint8Array => (bytes === null ? NULL : cborBytes(bytes));

/** SIMULATED AWS Nitro enclave: documents as the Nitro security module writes them, outermost map of indefinite length. */
export class SimulatedAws {
  readonly keys: Readonly<Record<Role, SimulatedKey>>;
  readonly #certificates: Readonly<Record<Role, Uint8Array>>;
  readonly #options: AwsOptions;
  readonly #period: Period;

  constructor(seed: Uint8Array, period: Period, options: AwsOptions = {}) {
    this.#options = options;
    this.#period = period;
    const key = (label: string): SimulatedKey => simulatedKey(seed, `aws.${label}`, "P-384");
    this.keys = { root: key("root"), regional: key("regional"), leaf: key("leaf") };
    const names: Readonly<Record<Role, string>> = {
      root: "SIMULATED aws.nitro-enclaves",
      regional: "SIMULATED regional CA",
      leaf: "i-0123456789abcdef0-enc0123456789abcdef.simulated.aws",
    };
    const issue = (role: Role, issuer: Role, serial: number, more: Partial<CertificateRequest>): Uint8Array =>
      issueCertificate({
        commonName: names[role],
        issuer: names[issuer],
        serial,
        notBefore: period.from,
        notAfter: role === "leaf" ? period.to : period.from + 3650n * DAY,
        key: this.keys[role],
        signer: this.keys[issuer],
        usage: USAGE.sign,
        ...more,
        ...options.certificates?.[role],
      });
    this.#certificates = {
      root: issue("root", "root", 1, { ca: {}, usage: USAGE.issue }),
      regional: issue("regional", "root", 2, { ca: { pathLength: 0 }, usage: USAGE.issue }),
      leaf: issue("leaf", "regional", 3, {}),
    };
  }

  document({ reportData, measurement }: SimulatedReport): Uint8Array {
    const {
      header = Uint8Array.of(0xa1, 1, 0x38, 0x22),
      digest = "SHA384",
      timestampMs,
      userData = reportData,
      nonce = null,
      publicKey = null,
    } = this.#options;
    const { root, regional, leaf } = this.#certificates;
    const other = measurement.toReversed();
    const { pcrs = [measurement, other, measurement] } = this.#options;
    const pcr = pcrs.flatMap((value, i) => (value === undefined ? [] : [concatBytes(head(0, i), cborBytes(value))]));
    const entries: [string, Uint8Array][] = [
      ["module_id", cborText("i-0123456789abcdef0-enc0123456789abcdef")],
      ["digest", cborText(digest)],
      ["timestamp", head(0, timestampMs ?? (this.#period.from + 60n) * 1000n)],
      ["pcrs", concatBytes(head(5, pcr.length), ...pcr)],
      ["certificate", cborBytes(leaf)],
      ["cabundle", list([cborBytes(root), cborBytes(regional)])],
      ["public_key", optional(publicKey)],
      ["user_data", optional(userData)],
      ["nonce", optional(nonce)],
      ...(this.#options.extraField === undefined ? [] : [[this.#options.extraField, NULL] as [string, Uint8Array]]),
    ];
    const fields = entries.flatMap(([key, value]) => [cborText(key), value]);
    const payload = concatBytes(Uint8Array.of(0xbf), ...fields, Uint8Array.of(0xff));
    const signed = list([cborText("Signature1"), cborBytes(header), cborBytes(new Uint8Array()), cborBytes(payload)]);
    const signature = this.keys.leaf.signRaw(signed);
    return list([cborBytes(header), Uint8Array.of(0xa0), cborBytes(payload), cborBytes(signature)]);
  }
}
