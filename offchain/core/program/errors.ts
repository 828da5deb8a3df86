// SPDX-License-Identifier: MIT
import { defineErrors } from "../errors.ts";

/** Every error of the integer program: its encoding, its compiler and its executors. */
export const ProgramError = defineErrors("program", 2, {
  PROGRAM_MALFORMED: {
    n: 1,
    text: "The program bytes are not canonical: {reason}.",
    fix: "Fetch the program again, or compile it again with `assay model import`.",
    retry: "never",
  },
  PROGRAM_INVALID: {
    n: 2,
    text: "Operator {op} of the program is not valid: {reason}.",
    fix: "Compile the model again with `assay model import`.",
    retry: "never",
  },
  BOUND_OVERFLOW: {
    n: 3,
    text: "Layer {layer}, channel {channel}: the accumulator can reach {bound}, beyond {limit}.",
    fix: "Make the layer narrower, its weights smaller, or its input range smaller, and import it again.",
    retry: "never",
  },
  INPUT_COUNT: {
    n: 4,
    text: "The stage takes {expected} inputs, got {actual}.",
    fix: "Pass one tensor per input, in the order of the stage's producers.",
    retry: "never",
  },
  INPUT_SHAPE: {
    n: 5,
    text: "Input {input} must be {expected}, got {actual}.",
    fix: "Prepare the input with the model's preprocessing; the first dimension is the batch.",
    retry: "never",
  },
  INPUT_RANGE: {
    n: 6,
    text: "Element {index} of input {input} is outside [{lo}, {hi}].",
    fix: "Prepare the input with the model's preprocessing, which clamps to the declared range.",
    retry: "never",
  },
  BATCH_TOO_LARGE: {
    n: 7,
    text: "A batch of {actual} is larger than the {limit} this executor accepts.",
    fix: "Split the batch.",
    retry: "never",
  },
  ONNX_MALFORMED: {
    n: 20,
    text: "The ONNX file cannot be read: {reason}.",
    fix: "Export the model again; `onnx.checker` names the defect.",
    retry: "never",
  },
  ONNX_TOO_LARGE: {
    n: 21,
    text: "The ONNX file has {actual} {what}; the limit is {limit}.",
    fix: "Use a smaller model.",
    retry: "never",
  },
  ONNX_UNSUPPORTED_OPERATOR: {
    n: 22,
    text: "Node {node} uses the operator {operator}, which has no integer form here.",
    fix: "Replace it: Assay takes Gemm, MatMul, Conv, BatchNormalization, Relu, Clip, Sigmoid, Tanh, Add, Mul or Pow as a square, Concat, AveragePool, MaxPool, GlobalAveragePool, Flatten, Reshape, Transpose, Constant; MatMul of two tensors, Softmax, LayerNormalization, Gelu, ReduceMean, Div or Mul by a constant, ArgMax; ai.onnx.ml TreeEnsembleRegressor and TreeEnsembleClassifier.",
    retry: "never",
  },
  ONNX_UNSUPPORTED_USE: {
    n: 23,
    text: "Node {node} ({operator}) is used in an unsupported way: {reason}.",
    fix: "{advice}",
    retry: "never",
  },
  ONNX_UNSUPPORTED_GRAPH: {
    n: 24,
    text: "The ONNX graph is not supported: {reason}.",
    fix: "{advice}",
    retry: "never",
  },
  CUT_INVALID: {
    n: 30,
    text: "The program cannot be cut after {node}: {reason}.",
    fix: "Cut where exactly one tensor crosses; `assay model inspect` lists the operators.",
    retry: "never",
  },
  BOUNDARY_TOO_LARGE: {
    n: 31,
    text: "The boundary after stage {stage} has {actual} bytes; a SALTED boundary may have {limit}.",
    fix: "Cut at a smaller tensor, or make the boundary BLINDED if no policy proves the stage.",
    retry: "never",
  },
  ENTROPY_TOO_LOW: {
    n: 32,
    text: "Stage {stage} has no output or inner accumulator of 128 bits over the calibration data (best: {bits}).",
    fix: "Add calibration rows, or cut the program so that each stage has a wider layer.",
    retry: "never",
  },
  DATASET_MALFORMED: {
    n: 33,
    text: "The data set cannot be used: {reason}.",
    fix: "See docs for the two formats: CSV with a header and the label last, or gzip-compressed IDX.",
    retry: "never",
  },
  PROOFS_UNAVAILABLE: {
    n: 34,
    text: "The recipe asks for proofs, and nothing here compiles circuits.",
    fix: "Import with `assay model import`, or take `proofs` and its masks out of the recipe.",
    retry: "never",
  },
  MODEL_FILE_MISSING: {
    n: 40,
    text: "The model folder lacks the file {file}.",
    fix: "Fetch the whole model folder, or import the model again.",
    retry: "never",
  },
  MODEL_FILE_INVALID: {
    n: 41,
    text: "The model's file {file} is not valid: {reason}.",
    fix: "Fetch the model folder again, or import the model again.",
    retry: "never",
  },
  MODEL_HASH_MISMATCH: {
    n: 42,
    text: "The model's {what} has hash {actual}, but its manifest says {expected}.",
    fix: "The file was changed or belongs to another model: fetch it again.",
    retry: "never",
  },
  RAW_INPUT_INVALID: {
    n: 43,
    text: "The input cannot be prepared for the model: {reason}.",
    fix: "Give the raw features in the order of the model card, as finite numbers.",
    retry: "never",
  },
  FLOAT_OPERATOR: {
    n: 44,
    text: "Node {node} uses {operator}, which float models may not: the second implementation lacks it.",
    fix: "Use the operators of docs/tolerance.md, or add it to engines/program/float/reference.",
    retry: "never",
  },
  FLOAT_MODEL_INVALID: {
    n: 45,
    text: "The float model cannot be used: {reason}.",
    fix: "Give one f32 input and one f32 output whose first dimension is the batch; see docs/tolerance.md.",
    retry: "never",
  },
  EXECUTION_FAILED: {
    n: 50,
    text: "onnxruntime could not run the stage: {reason}.",
    fix: "Check memory and the onnxruntime installation with `assay node doctor`.",
    retry: "later",
  },
});
