"""What makes exporting cheap: torch's exporter does each thing once that it would do each time.

Exporting traces the network, traces the result again to take it apart into operators that have a
translation, and builds its registry of translations. Nearly all our operators have one as they
are, so the second tracing is left out where nothing needs it; the registry is built once in a
process, and by ``warm_up`` before others are forked from it. Where torch has moved what this knows
of its inside, exporting goes the long way.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from operator import getitem
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node

from smnas.export.nodes import OPSET

_OPERATOR = type(torch.ops.aten.relu.default)
_registries: dict[int, Any] = {}
"""By opset."""


def torchlib_registry() -> Any | None:
    """Return torch's translations, built once in a process; None where they are not to be found."""
    if OPSET not in _registries:
        try:
            found = import_module("torch.onnx._internal.exporter._registration").ONNXRegistry
            _registries[OPSET] = found.from_torchlib(opset_version=OPSET)
        except (ImportError, AttributeError, TypeError):
            _registries[OPSET] = None
    return _registries[OPSET]


@contextmanager
def remembered_registry() -> Generator[None]:
    """Let torch's exporter take a copy of the registry that is there, rather than build one."""
    known = torchlib_registry()
    if known is None:
        yield
        return
    kind = type(known)
    built = kind.__dict__["from_torchlib"]

    def copy_known(cls: Any, opset_version: int = OPSET) -> Any:
        if opset_version != OPSET:
            return built.__func__(cls, opset_version)
        copy = cls()
        copy.__dict__.update(known.__dict__)
        copy.functions = {target: list(found) for target, found in known.functions.items()}
        return copy

    kind.from_torchlib = classmethod(copy_known)
    try:
        yield
    finally:
        kind.from_torchlib = built


def skip_decomposition(
    program: ExportedProgram, translations: Mapping[Callable[..., Any], Callable[..., Any]]
) -> bool:
    """Have the exporter take ``program`` as it is, if each of its operators has a translation.

    Operators that write into a value that nobody else reads become those that return a new one, and
    casts that change nothing go. Where that is not enough the exporter will take it apart.

    Returns:
        Whether it can be taken as it is.
    """
    registry = torchlib_registry()
    if registry is None:
        return False
    for node in list(program.graph.nodes):
        _make_functional(node)
        _drop_idle_cast(node)
    calls = [node for node in program.graph.nodes if node.op == "call_function"]
    direct = all(_is_direct(node.target, registry, translations) for node in calls)
    if direct:
        program.__dict__["run_decompositions"] = lambda *table, **options: program
    return direct


def _is_direct(target: Any, registry: Any, translations: Mapping[Callable[..., Any], Any]) -> bool:
    if target is getitem or target in translations:
        return True
    # The exporter leaves assertions out itself.
    if target is torch.ops.aten._assert_tensor_metadata.default:
        return True
    operator = _as_operator(target)
    return (
        operator is not None and not operator._schema.is_mutable and registry.is_registered(target)
    )


def _make_functional(node: Node) -> None:
    operator, written = _as_operator(node.target), node.args[0] if node.args else None
    if operator is None or not operator._schema.is_mutable or not isinstance(written, Node):
        return
    if len(written.users) > 1 or not _is_fresh(written):
        return
    namespace, name = operator._schema.name.split("::")
    packet = getattr(getattr(torch.ops, namespace), name.removesuffix("_"), None)
    node.target = getattr(packet, operator._overloadname, operator)


def _drop_idle_cast(node: Node) -> None:
    """Remove a cast to the type that a value has; what the graph returns keeps its name."""
    source = node.args[0] if node.args else None
    if node.target is not torch.ops.aten.to.dtype or not isinstance(source, Node):
        return
    is_returned = any(user.op == "output" for user in node.users)
    if not is_returned and source.meta["val"].dtype == node.meta["val"].dtype:
        node.replace_all_uses_with(source)
        node.graph.erase_node(node)


def _is_fresh(node: Node) -> bool:
    """Return whether what an operator returns shares no memory with what went in."""
    operator = _as_operator(node.target)
    return operator is not None and all(r.alias_info is None for r in operator._schema.returns)


def _as_operator(target: Any) -> Any | None:
    """Return one of torch's operators; None for anything else that a graph calls."""
    return target if isinstance(target, _OPERATOR) else None
