// SPDX-License-Identifier: GPL-3.0-or-later
import { createOnnxExecutor } from "../../../../offchain/engines/program/onnx-executor.ts";
import { createReferenceExecutor } from "../../../../offchain/engines/program/reference-executor.ts";
import { createThreadedExecutor } from "../../../../offchain/engines/program/threaded-executor.ts";
import { programExecutorCompliance } from "../../../ports/program-executor.compliance.ts";

const limit = (maxBatch: number | undefined) => (maxBatch === undefined ? {} : { maxBatch });

programExecutorCompliance("reference", (maxBatch) => createReferenceExecutor(limit(maxBatch)));
programExecutorCompliance("onnxruntime, 1 thread", (maxBatch) =>
  createOnnxExecutor({ threads: 1, ...limit(maxBatch) }),
);
programExecutorCompliance("onnxruntime, 2 threads", (maxBatch) =>
  createOnnxExecutor({ threads: 2, ...limit(maxBatch) }),
);
programExecutorCompliance("onnxruntime on a thread of its own", (maxBatch) =>
  createThreadedExecutor({ threads: 1, ...limit(maxBatch) }),
);
