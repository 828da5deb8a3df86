"""Writes small feed-forward networks as ONNX files (opset 13), with fixed names so that the bytes are reproducible."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """Collects nodes and weights of one chain of operators; the batch dimension is symbolic ("batch")."""

    def __init__(self, name, input_dims):
        self.name, self.nodes, self.weights = name, [], []
        self.input = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", *input_dims])
        self.value = "input"

    def weight(self, name, array):
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array, dtype=np.float32), name))
        return name

    def add(self, op, name, extra=(), **attributes):
        output = f"{name}_out"
        self.nodes.append(helper.make_node(op, [self.value, *extra], [output], name=name, **attributes))
        self.value = output

    def dense(self, name, w, b):
        """w is (inputs, outputs)."""
        self.add("Gemm", name, (self.weight(f"{name}.weight", w.T), self.weight(f"{name}.bias", b)), transB=1)

    def conv(self, name, w, b, pad, stride=1):
        """w is (outputs, inputs, height, width)."""
        extra = (self.weight(f"{name}.weight", w), self.weight(f"{name}.bias", b))
        self.add("Conv", name, extra, kernel_shape=list(w.shape[2:]), pads=[pad] * 4, strides=[stride] * 2)

    def save(self, path, output_dims):
        output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", *output_dims])
        self.nodes[-1].output[0] = "output"
        graph = helper.make_graph(self.nodes, self.name, [self.input], [output], self.weights)
        model = helper.make_model(graph, producer_name="assay-train", opset_imports=[helper.make_opsetid("", 13)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        onnx.save(model, path)
