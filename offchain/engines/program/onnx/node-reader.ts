// SPDX-License-Identifier: GPL-3.0-or-later
import { ProgramError } from "../../../core/program/errors.ts";
import type { Window } from "../../../core/program/types.ts";
import type { OnnxNode, OnnxTensor } from "./parse-onnx.ts";

/** Typed access to one node's attributes and constants, with errors that name the node. */
export class NodeReader {
  readonly node: OnnxNode;
  readonly #constants: ReadonlyMap<string, OnnxTensor>;

  constructor(node: OnnxNode, constants: ReadonlyMap<string, OnnxTensor>) {
    this.node = node;
    this.#constants = constants;
  }

  /** An ONNX_UNSUPPORTED_USE error about this node, for the caller to throw. */
  refuse(reason: string, advice = "Change the node, or export the model without it.") {
    return new ProgramError("ONNX_UNSUPPORTED_USE", {
      node: this.node.name,
      operator: this.node.operator,
      reason,
      advice,
    });
  }

  int(name: string, fallback: number): number {
    const attribute = this.node.attributes.get(name);
    if (attribute === undefined) return fallback;
    if (attribute.kind !== "int") throw this.refuse(`attribute ${name} is not an integer`);
    return attribute.value;
  }

  float(name: string, fallback: number): number {
    const attribute = this.node.attributes.get(name);
    if (attribute === undefined) return fallback;
    if (attribute.kind !== "float" || !Number.isFinite(attribute.value)) {
      throw this.refuse(`attribute ${name} is not a finite number`);
    }
    return attribute.value;
  }

  text(name: string, fallback: string): string {
    const attribute = this.node.attributes.get(name);
    if (attribute === undefined) return fallback;
    if (attribute.kind !== "string") throw this.refuse(`attribute ${name} is not a text`);
    return attribute.value;
  }

  ints(name: string): readonly number[] | undefined {
    const attribute = this.node.attributes.get(name);
    if (attribute === undefined) return undefined;
    if (attribute.kind !== "ints") throw this.refuse(`attribute ${name} is not a list of integers`);
    return attribute.value;
  }

  texts(name: string): readonly string[] | undefined {
    const attribute = this.node.attributes.get(name);
    if (attribute === undefined) return undefined;
    if (attribute.kind !== "strings") throw this.refuse(`attribute ${name} is not a list of texts`);
    return attribute.value;
  }

  /** A list of numbers, also where the exporter wrote it as the tensor `name`_as_tensor. */
  floats(name: string): readonly number[] | undefined {
    const attribute = this.node.attributes.get(name) ?? this.node.attributes.get(`${name}_as_tensor`);
    if (attribute === undefined) return undefined;
    if (attribute.kind === "tensor" && attribute.value.dims.length === 1) return [...attribute.value.data];
    if (attribute.kind !== "floats") throw this.refuse(`attribute ${name} is not a list of numbers`);
    return attribute.value;
  }

  /** Input `index` as a constant, or undefined if it is absent. */
  optionalConstant(index: number): OnnxTensor | undefined {
    const name = this.node.inputs[index] ?? "";
    if (name === "") return undefined;
    const constant = this.#constants.get(name);
    if (constant === undefined)
      throw this.refuse(`input ${index} must be a constant`, "Fold the weights into the model.");
    return constant;
  }

  constant(index: number): OnnxTensor {
    const constant = this.optionalConstant(index);
    if (constant === undefined) throw this.refuse(`input ${index} is missing`);
    return constant;
  }

  scalar(index: number): number | undefined {
    const constant = this.optionalConstant(index);
    if (constant !== undefined && constant.data.length !== 1) throw this.refuse(`input ${index} must be one number`);
    return constant?.data[0];
  }

  /** kernel, strides, pads of a two-dimensional window. */
  window(kernelFallback?: readonly number[]): Window {
    const pair = (values: readonly number[], what: string): [number, number] => {
      const [a, b] = values;
      if (values.length !== 2 || a === undefined || b === undefined) {
        throw this.refuse(`${what} is not two-dimensional`, "Only two-dimensional windows are supported.");
      }
      if (a < 1 || b < 1 || a > 65535 || b > 65535) throw this.refuse(`${what} is out of range`);
      return [a, b];
    };
    const kernel = pair(this.ints("kernel_shape") ?? kernelFallback ?? [], "the kernel");
    const strides = pair(this.ints("strides") ?? [1, 1], "strides");
    const dilations = this.ints("dilations") ?? [1, 1];
    if (dilations.some((dilation) => dilation !== 1)) throw this.refuse("it is dilated", "Use dilations = 1.");
    if (this.int("ceil_mode", 0) !== 0) throw this.refuse("it rounds shapes up", "Use ceil_mode = 0.");
    const auto = this.text("auto_pad", "NOTSET");
    if (auto !== "NOTSET" && auto !== "VALID") throw this.refuse(`auto_pad is ${auto}`, "Write the pads explicitly.");
    const pads = auto === "VALID" ? [0, 0, 0, 0] : (this.ints("pads") ?? [0, 0, 0, 0]);
    const [top, left, bottom, right] = pads;
    if (pads.length !== 4 || top === undefined || left === undefined || bottom === undefined || right === undefined) {
      throw this.refuse("it needs four pads");
    }
    if (Math.min(...pads) < 0 || Math.max(top, bottom) >= kernel[0] || Math.max(left, right) >= kernel[1]) {
      throw this.refuse("its padding is negative or as large as its kernel");
    }
    return { kernel, strides, pads: [top, left, bottom, right] };
  }
}
