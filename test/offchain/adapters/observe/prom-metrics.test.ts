// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { METRICS } from "../../../../offchain/core/ports/metrics.ts";
import type { MetricDefinition } from "../../../../offchain/core/ports/metrics.ts";
import { PromMetrics } from "../../../../offchain/adapters/observe/prom-metrics.ts";
import { expectCode } from "../../../support/expect-code.ts";

const definitions = Object.entries(METRICS) as [string, MetricDefinition][];

describe("PromMetrics", () => {
  it("default: R73", async () => {
    const metrics = new PromMetrics();
    metrics.count("assay_net_calls_total", { side: "server", protocol: "blob", outcome: "ok" });
    metrics.count("assay_net_bytes_total", { direction: "in" }, 512);
    metrics.set("assay_node_ready_state", {}, 1);
    metrics.observe("assay_store_commit_seconds", {}, 0.002);
    const text = await metrics.text();
    expect(text).to.include('assay_net_calls_total{side="server",protocol="blob",outcome="ok"} 1');
    expect(text).to.include('assay_net_bytes_total{direction="in"} 512');
    expect(text).to.include("assay_node_ready_state 1");
    expect(text).to.include('assay_store_commit_seconds_bucket{le="0.003"} 1');
    expect(text).to.match(/assay_process_resident_bytes [1-9]\d{6,}/);
    expect(metrics.contentType).to.include("text/plain");
  });

  it("behavior: every series of the registry is there from the start", async () => {
    const text = await new PromMetrics().text();
    for (const [name] of definitions) expect(text).to.include(`# TYPE ${name} `);
    expect(text).to.include('assay_chain_requests_total{outcome="failed"} 0');
  });

  it("behavior: names, closed labels and explained, rising buckets", () => {
    for (const [name, { type, labels, buckets, why, help }] of definitions) {
      expect(name).to.match(/^assay_[a-z]+(_[a-z]+)+_(total|seconds|bytes|count|number|state)$/);
      expect(help).to.match(/\.$/);
      for (const [label, values] of Object.entries(labels)) {
        expect(label, name).not.to.match(/job|address|worker|peer|digest|id$/);
        expect(values.length, name).to.be.within(1, 12);
      }
      if (type !== "histogram") continue;
      expect(why, `${name}: why these buckets`).to.be.a("string");
      expect(buckets).to.deep.equal([...new Set(buckets)].toSorted((a, b) => a - b));
    }
  });

  it("error: METRIC_LABEL_INVALID for ids, missing, inherited and extra labels", async () => {
    const metrics = new PromMetrics();
    const bad: unknown[] = [
      { role: `0x${"12".repeat(32)}` },
      {},
      { role: "seat", job: "0x12" },
      { role: "seat", constructor: "x" },
      { role: undefined },
    ];
    for (const labels of bad) {
      await expectCode("METRIC_LABEL_INVALID", () =>
        metrics.set("assay_jobs_open_count", labels as { role: "seat" }, 1),
      );
    }
    expect(await metrics.text()).not.to.include("0x12");
  });

  it("error: METRIC_VALUE_INVALID", async () => {
    const metrics = new PromMetrics();
    for (const by of [-1, Number.NaN, Infinity]) {
      await expectCode("METRIC_VALUE_INVALID", () => metrics.count("assay_chain_reorgs_total", {}, by));
    }
    await expectCode("METRIC_VALUE_INVALID", () => metrics.set("assay_node_ready_state", {}, Number.NaN));
    await expectCode("METRIC_VALUE_INVALID", () => metrics.observe("assay_store_commit_seconds", {}, -0.1));
  });
});
