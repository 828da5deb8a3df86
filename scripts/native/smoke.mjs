// SPDX-License-Identifier: GPL-3.0-or-later
// Loads a built addon in a process of its own and has every instruction set multiply and add where the answer is known: a processor that
// cannot run what the compiler made shows here, not in the midst of a proof. Exit code 0 if all is well; the last line says what is not.
import { createRequire } from "node:module";
import { resolve } from "node:path";

const BASE = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;
const SCALAR = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;

function bytes(values) {
  const all = new Uint8Array(values.length * 32);
  for (const [i, value] of values.entries())
    for (let byte = 0, rest = value; byte < 32; byte++, rest >>= 8n) all[32 * i + byte] = Number(rest & 0xffn);
  return all;
}
const montgomery = (value, modulus) => (value << 256n) % modulus;
const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

const addon = createRequire(import.meta.url)(resolve(process.argv[2] ?? ""));
const failed = (path, what) => {
  console.error(`${path}: ${what} is wrong`);
  process.exit(1);
};
const paths = addon.paths();
if (paths.length === 0) failed("cpu", "the choice of an instruction set");
for (const path of paths) {
  const kernels = addon.openKernels(path, 2);
  for (const [field, modulus] of [
    ["base", BASE],
    ["scalar", SCALAR],
  ]) {
    const a = [0n, 1n, modulus - 1n, modulus / 3n];
    const b = [modulus - 1n, modulus - 1n, modulus - 1n, modulus / 5n];
    const form = (values) => bytes(values.map((value) => montgomery(value, modulus)));
    const product = addon.field(kernels, field, "multiply", form(a), form(b));
    const wanted = form(a.map((value, i) => (value * b[i]) % modulus));
    if (!same(product, wanted)) failed(path, `multiplication in the ${field} field`);
  }
  const point = ([x, y]) => bytes([montgomery(x, BASE), montgomery(y, BASE)]);
  const generator = point([1n, 2n]);
  if (addon.firstBadPoint(kernels, "g1", generator) !== 1) failed(path, "the curve's equation");
  // (r − 1)·G = −G, and with G twice more it is G again.
  const points = new Uint8Array(3 * 64);
  for (let i = 0; i < 3; i++) points.set(generator, 64 * i);
  if (!same(addon.sum(kernels, "g1", points, bytes([SCALAR - 1n, 1n, 1n])), generator)) failed(path, "a sum of points");
  const minus = point([1n, BASE - 2n]);
  const [one, other] = [bytes([1n]), bytes([SCALAR - 1n])];
  if (
    !same(
      addon.multiplyBase(kernels, "g1", generator, new Uint8Array([...one, ...other])),
      new Uint8Array([...generator, ...minus]),
    )
  )
    failed(path, "a multiple of the generator");
}
