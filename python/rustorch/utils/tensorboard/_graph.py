"""Graphs for the tab Graphs: TensorFlow's ``GraphDef``, of operations or of layers."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import rustorch
from rustorch import Tensor
from rustorch._C import ArgumentTypeError, AutogradError
from rustorch.utils.tensorboard._record import message


def _node(name: str, op: str, inputs: List[str], shape: Optional[Tuple[int, ...]] = None) -> Any:
    """A NodeDef, as a field of a GraphDef."""
    attribute = None
    if shape is not None:
        dims = [(2, "bytes", message((1, "int", n))) for n in shape]
        shapes = message((1, "bytes", message((7, "bytes", message(*dims)))))  # AttrValue.list.shape
        attribute = (5, "bytes", message((1, "text", "_output_shapes"), (2, "bytes", shapes)))
    return (1, "bytes", message((1, "text", name), (2, "text", op), *((3, "text", each) for each in inputs), attribute))


def _graph(nodes: List[Any]) -> bytes:
    return message(*nodes, (4, "bytes", message((1, "int", 22))))  # VersionDef.producer


def _outputs(value: Any) -> List[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [each for part in value for each in _outputs(part)]
    if isinstance(value, dict):
        return _outputs(list(value.values()))
    return []


def of_operations(model: Any, inputs: Any) -> bytes:
    """The operations that a call of the model records, by its graph of gradients."""
    arguments = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    if not any(isinstance(each, Tensor) for each in arguments):
        raise ArgumentTypeError("add_graph: input_to_model is a tensor or several: the graph is that of a call with it")
    leaves = [each.detach().requires_grad_() if each.is_floating_point() else each for each in arguments]
    training = model.training
    model.eval()
    try:
        with rustorch.enable_grad():
            found = _outputs(model(*leaves))
            named = [(name.replace(".", "/"), "Parameter", each) for name, each in model.named_parameters() if each.requires_grad]
            named += [(f"input_{i}" if i else "input", "Input", each) for i, each in enumerate(leaves) if each.requires_grad]
            # Where a gradient ends there is one node for each leaf.
            ends = {each.view_as(each).grad_fn.next_functions[0][0]: (name, kind, tuple(each.shape)) for name, kind, each in named}
    finally:
        model.train(training)
    roots = [each for each in found if each.grad_fn is not None]
    if not roots:
        raise AutogradError("add_graph: nothing in the model's output depends on its parameters or input")
    nodes: List[Any] = []
    known: Dict[Any, str] = {}
    counts: Dict[str, int] = {}

    waiting = [(root.grad_fn, False) for root in roots]
    while waiting:  # depth first without recursion: what an operation needs comes before it
        function, ready = waiting.pop()
        if function in known:
            continue
        before = [edge[0] for edge in function.next_functions if edge[0] is not None]
        if not ready:
            waiting.append((function, True))
            waiting.extend((each, False) for each in reversed(before) if each not in known)
            continue
        op = function.name().split("Backward")[0]
        name, op, shape = ends.get(function, (op, op, None))
        n = counts.get(name, 0)
        counts[name] = n + 1
        known[function] = name if n == 0 else f"{name}_{n}"
        nodes.append(_node(known[function], op, [known[each] for each in before], shape))
    for i, root in enumerate(roots):
        nodes.append(_node(f"output_{i}" if i else "output", "Output", [known[root.grad_fn]], tuple(root.shape)))
    return _graph(nodes)


def of_layers(model: Any) -> bytes:
    """The layers of a model, one after the other."""
    children = list(model.named_children())
    nodes, before = [_node("input", "Input", [])], "input"
    for name, child in children:
        inner = [(path, each) for path, each in child.named_modules() if not list(each.children())]
        for path, each in inner or [("", child)]:
            full = f"{name}/{path.replace('.', '/')}" if path else name
            nodes.append(_node(full, type(each).__name__, [before]))
            before = full
    nodes.append(_node("output", "Output", [before]))
    return _graph(nodes)
