// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { encodeAbiParameters, type AbiParameter } from "viem";
import { decodeAbi, encodeAbi, type AbiAny, type AbiType } from "../../../offchain/core/abi.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { JOB, MODEL_MANIFEST, RECORD } from "../../../offchain/core/types.ts";
import { expectCode } from "../../support/expect-code.ts";

/** The same type as viem writes it. */
function viemType(type: AbiType, name = ""): AbiParameter {
  if (typeof type === "string") return { name, type };
  if ("array" in type) {
    const inner = viemType(type.array, name);
    return { ...inner, type: `${inner.type}[${type.length ?? ""}]` };
  }
  return {
    name,
    type: "tuple",
    components: Object.entries(type.struct).map(([field, inner]) => viemType(inner, field)),
  };
}

const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(toHex);

/** Random values of a type, as `encodeAbi` takes them. */
function valuesOf(type: AbiType): fc.Arbitrary<AbiAny> {
  if (typeof type !== "string") {
    if ("array" in type)
      return fc.array(valuesOf(type.array), { minLength: type.length ?? 0, maxLength: type.length ?? 3 });
    return fc.record(Object.fromEntries(Object.entries(type.struct).map(([name, inner]) => [name, valuesOf(inner)])));
  }
  if (type === "bool") return fc.boolean();
  if (type === "string") return fc.string({ maxLength: 70, unit: "grapheme" });
  if (type === "bytes") return fc.uint8Array({ maxLength: 70 }).map(toHex);
  if (type === "address") return hex(20);
  if (type.startsWith("bytes")) return hex(Number(type.slice(5)));
  const bits = Number(type.replace(/\D+/, ""));
  const signed = type.startsWith("int");
  const [low, high] = signed ? [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n] : [0n, 2n ** BigInt(bits) - 1n];
  return fc.bigInt(low, high).map((value) => (bits <= 48 ? Number(value) : value));
}

const elementary = fc.constantFrom<AbiType>(
  "uint8",
  "int16",
  "uint48",
  "int64",
  "uint96",
  "int256",
  "uint256",
  "bool",
  "address",
  "bytes4",
  "bytes31",
  "bytes32",
  "string",
  "bytes",
);
const { type: types } = fc.letrec<{ type: AbiType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    elementary,
    tie("type").map((array) => ({ array })),
    fc.tuple(tie("type"), fc.integer({ min: 1, max: 3 })).map(([array, length]) => ({ array, length })),
    fc.array(tie("type"), { minLength: 1, maxLength: 3 }).map((list) => ({
      struct: Object.fromEntries(list.map((inner, i) => [`f${i}`, inner])),
    })),
  ),
}));
const typed = fc
  .array(types, { minLength: 1, maxLength: 3 })
  .chain((list) => fc.tuple(fc.constant(list), fc.tuple(...list.map(valuesOf))));

describe("abi", () => {
  it("default: equals viem over random types and values, and comes back", () => {
    fc.assert(
      fc.property(typed, ([list, values]) => {
        const bytes = encodeAbi(list, values as never);
        expect(toHex(bytes)).to.equal(
          encodeAbiParameters(
            list.map((type) => viemType(type)),
            values,
          ),
        );
        expect(decodeAbi(list, bytes)).to.deep.equal(values);
      }),
      { numRuns: 500 },
    );
  });

  it("behavior: equals viem over the protocol's structs", () => {
    for (const type of [JOB, RECORD, MODEL_MANIFEST])
      fc.assert(
        fc.property(valuesOf(type), (value) => {
          const bytes = encodeAbi([type], [value as never]);
          expect(toHex(bytes)).to.equal(encodeAbiParameters([viemType(type)], [value]));
        }),
        { numRuns: 50 },
      );
  });

  it("behavior: canonical: decoded bytes are exactly what encoding gives; all else is a typed error", () => {
    fc.assert(
      fc.property(typed, fc.nat(), fc.integer({ min: 1, max: 255 }), ([list, values], place, flip) => {
        const bytes = encodeAbi(list, values as never);
        if (bytes.length === 0) return;
        const at = place % bytes.length;
        const changed = bytes.with(at, (bytes[at] ?? 0) ^ flip);
        try {
          expect(encodeAbi(list, decodeAbi(list, changed) as never)).to.deep.equal(changed);
        } catch (error) {
          if (!isAssayError(error)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("error: ABI_NOT_CANONICAL for shared, gapped, huge and cut data", async () => {
    const list = [{ array: { array: "uint8" } }] as const;
    const bytes = encodeAbi(list, [[[], []]]);
    // Both inner arrays at one place: exponential work for a decoder that follows offsets.
    await expectCode("ABI_NOT_CANONICAL", () => decodeAbi(list, bytes.with(127, 0x40)));
    await expectCode("ABI_NOT_CANONICAL", () => decodeAbi(list, bytes.with(31, 0x40)));
    await expectCode("ABI_NOT_CANONICAL", () => decodeAbi(list, bytes.with(40, 0xff)));
    await expectCode("ABI_NOT_CANONICAL", () => decodeAbi(list, bytes.subarray(0, -1)));
    await expectCode("ABI_NOT_CANONICAL", () => decodeAbi(list, Uint8Array.of(...bytes, 0)));
    await expectCode("ABI_NOT_CANONICAL", () => decodeAbi(["bool"], new Uint8Array(32).with(31, 2)));
    await expectCode("ABI_NOT_CANONICAL", () => decodeAbi(["int8"], new Uint8Array(32).with(31, 0x80)));
    await expectCode("ABI_NOT_CANONICAL", () => decodeAbi(["address"], new Uint8Array(32).with(11, 1)));
    await expectCode("NOT_CANONICAL", () =>
      decodeAbi(["string"], new Uint8Array(96).with(31, 32).with(63, 1).with(64, 0xff)),
    );
  });

  it("error: ABI_VALUE names what does not fit", async () => {
    const wrongs: readonly [AbiType, AbiAny][] = [
      ["uint8", 256],
      ["uint8", -1],
      ["uint8", 1.5],
      ["int8", 128],
      ["uint96", 2n ** 96n],
      ["bool", 1],
      ["address", "0x00"],
      ["bytes32", "0x00"],
      ["string", "\ud800"],
      ["bytes", "0x0"],
      [{ array: "uint8", length: 2 }, [1]],
      [{ struct: { a: "uint8" } }, {}],
    ];
    for (const [type, value] of wrongs) await expectCode("ABI_VALUE", () => encodeAbi([type], [value as never]));
    await expectCode("ABI_TYPE", () => encodeAbi(["fixed" as never], ["0x" as never]));
  });
});
