// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { roundShift } from "../../../offchain/core/program/bounds.ts";
import { signedByte, wordBytes } from "../../../offchain/engines/zk/circuit/boundaries.ts";
import { mod } from "../../../offchain/engines/zk/circuit/field.ts";
import { argmax, clamp, maximum, oneHot, SELECT, thresholds } from "../../../offchain/engines/zk/circuit/gadgets.ts";
import { finishSite } from "../../../offchain/engines/zk/circuit/layers/finish.ts";
import { STEP_ADVICE, STEP_VALUE } from "../../../offchain/engines/zk/circuit/netlist.ts";
import {
  functionValue,
  siteOf,
  tableFunction,
  type SiteForm,
} from "../../../offchain/engines/zk/circuit/plan/sites.ts";
import { GadgetBench, liesUpTo } from "../../support/gadget-bench.ts";

const span = (lo: number, hi: number) => Array.from({ length: hi - lo + 1 }, (_, i) => lo + i);
const VALUE = { kind: STEP_VALUE, p: 0, q: 0 } as const;

describe("gadgets against every lie", function () {
  this.timeout(120_000);

  for (const [tables, bits, exact] of [
    [[3], 2, true],
    [[3], 3, true],
    [[3], 5, true],
    [[3, 4], 7, true],
    [[4], 6, true],
    [[3], 4, false],
    [[3], 1, false],
    [[], 3, true],
    [[], 1, true],
  ] as const) {
    const how = tables.length === 0 ? "bits" : `tables of ${tables.join(" and ")} bits`;
    it(`default: a range of ${bits} bits by ${how} holds ${exact ? "exactly" : "at least"} its numbers`, async () => {
      const bench = await GadgetBench.make(1, { tables }, ({ lookups, shapes }, [x]) => {
        if (x !== undefined) lookups.range(x, exact ? shapes.exact(bits) : shapes.loose(bits));
        return [];
      });
      const lies = liesUpTo(40, 4);
      const accepted = [...span(-140, 140).map(BigInt), ...lies].filter((x) => bench.survivors([x], [lies]).size > 0);
      const values = [...new Set(accepted.map((x) => mod(x)))].toSorted((x, y) => (x < y ? -1 : 1));
      if (exact) expect(values).to.deep.equal(span(0, 2 ** bits - 1).map(BigInt));
      else {
        expect(values.length).to.be.at.least(2 ** bits);
        expect(values).to.deep.equal(span(0, values.length - 1).map(BigInt));
      }
    });
  }

  const sites: readonly [
    name: string,
    form: SiteForm,
    lo: number,
    hi: number,
    table: number[] | null,
    shift: number,
  ][] = [
    ["saturating ReLU", "R", 0, 3, null, 2],
    ["clamp on both sides of zero", "R", -2, 3, null, 2],
    ["clamp below only", "R", 0, 7, null, 2],
    ["clamp above only", "R", -8, 2, null, 2],
    ["no clamp", "R", -8, 7, null, 2],
    ["shift 0", "R", -3, 3, null, 0],
    ["a table of clamped values", "RT", -2, 2, [5, -1, 0, 7, 7], 2],
    ["the function's table", "T", -2, 2, [5, -1, 0, 7, 7], 2],
    ["the function's table, shift 0", "T", 0, 3, null, 0],
    ["steps of the function", "S", -2, 3, [1, 1, 4, 4, 6, 6], 2],
  ];
  for (const [name, form, lo, hi, table, shift] of sites) {
    it(`default: requantisation by form ${form}, ${name}: one output for each accumulator, the right one`, async () => {
      const [least, most] = shift === 0 ? [-8, 7] : [-32, 31];
      const fn = tableFunction(lo, hi, table);
      const site = siteOf(fn, shift, { lo: BigInt(least), hi: BigInt(most) });
      const bench = await GadgetBench.make(1, { tables: [3], forms: [[site.key, form]] }, (context, [acc]) =>
        acc === undefined ? [] : [finishSite(context, acc, site, VALUE)],
      );
      for (const acc of span(least, most)) {
        const y = functionValue(fn)(Number(roundShift(BigInt(acc), shift)));
        const found = bench.survivors([BigInt(acc)], [liesUpTo(12, shift)]);
        expect([...found], `accumulator ${acc}`).to.deep.equal([`${y}`]);
      }
    });
  }

  it("default: a signed byte by its sign is two's complement, and nothing beyond eight bits has one", async () => {
    const bench = await GadgetBench.make(1, { tables: [4] }, (context, [x]) =>
      x === undefined ? [] : [signedByte(context, x, [-127n, 127n], "sign")],
    );
    for (const x of span(-300, 300)) {
      const expected = x >= -128 && x <= 127 ? [`${x & 255}`] : [];
      // sign, then the upper limb of the low seven bits
      expect([...bench.survivors([BigInt(x)], [liesUpTo(2), liesUpTo(16)])], `${x}`).to.deep.equal(expected);
    }
  });

  it("default: a signed byte by table is two's complement, and -128 has none", async () => {
    const bench = await GadgetBench.make(1, { tables: [3] }, (context, [x]) =>
      x === undefined ? [] : [signedByte(context, x, [-127n, 127n], "table")],
    );
    for (const x of span(-260, 260)) {
      const expected = x >= -127 && x <= 127 ? [`${x & 255}`] : [];
      expect([...bench.survivors([BigInt(x)], [liesUpTo(300)])], `${x}`).to.deep.equal(expected);
    }
  });

  it("default: a 32-bit word has four bytes, no byte is 256 and no top bit is free", async () => {
    const bench = await GadgetBench.make(1, { tables: [7, 8] }, (context, [x]) =>
      x === undefined ? [] : wordBytes(context, x),
    );
    const edges = [0, 1, -1, 255, 256, -256, 65535, 65536, 2 ** 24, -(2 ** 24), 2 ** 31 - 1, -(2 ** 31), 123456789];
    for (const x of edges) {
      const bytes = [0, 8, 16, 24].map((shift) => (x >> shift) & 255);
      const lies = bytes.map((byte) =>
        [byte, byte + 256, byte - 256, byte + 1, byte - 1, 256, 0].map((v) => mod(BigInt(v))),
      );
      const sign = [0n, 1n, 2n, mod(-1n)];
      const found = bench.survivors([BigInt(x)], [lies[0] ?? [], lies[1] ?? [], lies[2] ?? [], sign]);
      expect([...found], `${x}`).to.deep.equal([bytes.join()]);
    }
    for (const x of [2 ** 31, -(2 ** 31) - 1, 2 ** 32]) {
      const all = [
        [0n, 255n, 256n],
        [0n, 255n, 256n],
        [0n, 255n, 256n],
        [0n, 1n],
      ];
      expect(bench.survivors([BigInt(x)], all).size, `${x}`).to.equal(0);
    }
  });

  it("default: the maximum is the largest of its window, ties included", async () => {
    const bench = await GadgetBench.make(3, { tables: [3] }, ({ net, lookups, shapes }, x) => {
      const y = net.source(VALUE);
      const { gap = [] } = net.stamp(maximum(3), { y, x });
      for (const form of gap) lookups.range(form, shapes.loose(3));
      return [y];
    });
    for (const a of span(-2, 2))
      for (const b of span(-2, 2))
        for (const c of span(-2, 2))
          expect([...bench.survivors([a, b, c].map(BigInt), [liesUpTo(9, 2)])]).to.deep.equal([`${Math.max(a, b, c)}`]);
  });

  it("default: argmax is the lowest index of the largest, whatever the prover makes hot", async () => {
    const bench = await GadgetBench.make(3, { tables: [3] }, ({ net, lookups, shapes }, x) => {
      const hot = [1, 2].map((q) => net.source({ kind: STEP_ADVICE, p: 0, q }));
      const { index = [], gap = [] } = net.stamp(argmax(3), { x, hot });
      for (const form of gap) lookups.range(form, shapes.loose(3));
      return index;
    });
    for (const a of span(-2, 2))
      for (const b of span(-2, 2))
        for (const c of span(-2, 2)) {
          const cells = [a, b, c];
          const found = bench.survivors(cells.map(BigInt), [liesUpTo(3, 1)]);
          expect([...found], cells.join()).to.deep.equal([`${cells.indexOf(Math.max(...cells))}`]);
        }
  });

  it("default: comparisons of one feature: no bin can be shifted, none doubled", async () => {
    const limits = [-2, 0, 3];
    const bench = await GadgetBench.make(1, { tables: [4] }, ({ net, lookups, shapes }, [x]) => {
      const above = limits.map((_, q) => net.source({ kind: STEP_ADVICE, p: 0, q }));
      if (x === undefined) return [];
      const { lower = [], upper = [] } = net.stamp(thresholds(limits, -5n, 6n), { x, above });
      for (const side of [...lower, ...upper]) lookups.range(side, shapes.loose(4));
      return above;
    });
    for (const x of span(-5, 6)) {
      const expected = limits.map((limit) => (x > limit ? 1 : 0)).join();
      expect([...bench.survivors([BigInt(x)], [liesUpTo(4, 2)])], `${x}`).to.deep.equal([expected]);
    }
  });

  it("default: a selection takes a branch by its bit", async () => {
    const bench = await GadgetBench.make(3, { tables: [3] }, ({ net }, [bit, low, high]) =>
      bit && low && high ? (net.stamp(SELECT, { bit, low, high })["y"] ?? []) : [],
    );
    for (const bit of [0, 1])
      expect([...bench.survivors([bit, 5, -7].map(BigInt), [])]).to.deep.equal([bit === 0 ? "5" : "-7"]);
  });

  it("default: a unit vector points at x, and only inside its length", async () => {
    const bench = await GadgetBench.make(1, { tables: [] }, ({ net }, [x]) => {
      const hot = [1, 2].map((q) => net.source({ kind: STEP_ADVICE, p: 0, q }));
      const { none = [] } = x === undefined ? {} : net.stamp(oneHot(3), { x, hot });
      return [...none, ...hot];
    });
    for (const x of span(-4, 6)) {
      const expected =
        x >= 0 && x < 3
          ? [
              span(0, 2)
                .map((i) => (i === x ? 1 : 0))
                .join(),
            ]
          : [];
      expect([...bench.survivors([BigInt(x)], [liesUpTo(5, 1)])], `${x}`).to.deep.equal(expected);
    }
  });

  it("default: a table without challenges is a function", async () => {
    const fn = tableFunction(-1, 2, [4, 4, -9, 0]);
    const bench = await GadgetBench.make(1, { tables: [] }, ({ net, lookups }, [x]) => {
      const y = net.source(VALUE);
      if (x !== undefined) lookups.pair(fn, [-1n, 2n], x, y);
      return [y];
    });
    for (const x of span(-3, 4)) {
      const expected = x >= -1 && x <= 2 ? [`${functionValue(fn)(x)}`] : [];
      expect([...bench.survivors([BigInt(x)], [liesUpTo(10), liesUpTo(2, 1)])], `${x}`).to.deep.equal(expected);
    }
  });

  /** The same site with one range weakened: what the bench must see, or its silence above would mean nothing. */
  const weakened = (rest: "loose" | "none") =>
    GadgetBench.make(1, { tables: [3] }, ({ net, lookups, shapes }, [acc]) => {
      const fn = tableFunction(-4, 3, null);
      if (acc === undefined) return [];
      const t = net.forms.sum(acc, net.forms.constant(2));
      const low = net.source({ kind: STEP_ADVICE, p: 0, q: 0 });
      const y = net.source(VALUE);
      if (rest === "loose") lookups.range(low, shapes.loose(2));
      lookups.requantised(fn, [-8n, 7n], 2, t, low, y);
      return [y];
    });

  it("behavior: a remainder in a looser range moves the row: remainder + 2^s", async () => {
    const bench = await weakened("loose");
    expect([...bench.survivors([4n], [liesUpTo(12, 2)])].toSorted()).to.deep.equal(["0", "1"]);
  });

  it("behavior: a remainder without a range gives every row of the table", async () => {
    const bench = await weakened("none");
    const found = bench.survivors([4n], [liesUpTo(40, 2)]);
    expect(found.size).to.equal(8);
  });

  it("behavior: an unranged value takes the fraction of a remainder that is j / 2^s off", async () => {
    const bench = await GadgetBench.make(1, { tables: [3] }, ({ net, lookups, shapes }, [t]) => {
      const y = net.source(VALUE);
      const { forms } = net;
      const { rest: [rest = y] = [] } =
        t === undefined ? {} : net.stamp(clamp(2, -8n, 7n), { t, y, under: forms.zero, over: forms.zero });
      lookups.range(rest, shapes.exact(2));
      return [y];
    });
    const found = bench.survivors([5n], [liesUpTo(12, 2)]);
    expect(found.has("1")).to.equal(true);
    // 3/4 and 1/2 besides: remainders 2 and 3.
    expect(found.size).to.equal(3);
  });

  it("behavior: without a lower bound on the excess a clamped value moves to the other end", async () => {
    const bench = await GadgetBench.make(1, { tables: [3] }, ({ net, lookups, shapes }, [t]) => {
      const [y, under, over] = [0, 1, 2].map((q) => net.source({ kind: STEP_ADVICE, p: 0, q }));
      if (!t || !y || !under || !over) return [];
      const { rest: [rest = y] = [] } = net.stamp(clamp(2, 0n, 7n), { t, y, under, over });
      lookups.range(rest, shapes.exact(2));
      lookups.range(y, shapes.exact(3));
      return [y];
    });
    expect([...bench.survivors([8n], [liesUpTo(9)])].toSorted()).to.deep.equal(["0", "2", "7"]);
  });
});
