"""How nodes of a file are made while torch's exporter translates: by onnxscript."""

from typing import Any

from onnxscript import ir, opset21

OPSET = 21

op: Any = opset21
"""Its types are those of finished graphs, not of values that are just being made."""


def ints(*values: int) -> Any:
    """Return a constant list of whole numbers."""
    return op.Constant(value_ints=ir.AttrInt64s("value_ints", values))


def floats(*values: float) -> Any:
    """Return a constant list of numbers, in float32."""
    return op.Constant(value_floats=ir.AttrFloat32s("value_floats", values))


def tensor(values: Any) -> Any:
    """Return a NumPy array as a constant."""
    return op.Constant(value=ir.tensor(values))
